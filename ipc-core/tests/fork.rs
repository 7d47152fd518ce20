//! A child made by fork has copies of all guards, and none of the duties.

mod common;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use common::children::child;
use common::namespace::isolated;
use ipc_core::liveness::{ProcessToken, is_alive};
use ipc_core::msg::MessageQueue;
use ipc_core::sem::{Mutex, Permit, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{ErrorKind, Key, Mode, ProcessMark, RemoveOnDrop};

#[test]
fn dropping_in_a_child_removes_and_releases_nothing() {
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 3, Mode::PRIVATE).unwrap());
        let memory =
            RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 64, &Options::default()).unwrap());
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        set.set_value(0, 1).unwrap();
        let permit = Permit::acquire(*set, 0, 1).unwrap();
        let guard = Mutex::new(*set, 1).lock().unwrap();
        let token = ProcessToken::claim(&set, 2).unwrap().unwrap();
        let attached = memory.attach().unwrap();
        let (id, queue_id, memory_id) = (*set, *queue, *memory);

        let parts = (permit, guard, token, attached, set, memory, queue);
        // The body of the child owns a copy of everything, and drops it there.
        let parts = in_child_then_back(parts, |parts| {
            drop(parts);
            // Looked at while the child lives: at its end the kernel would revert what it did wrongly with
            // undo.
            assert_eq!(id.values().unwrap(), [0, 1, 1]);
        });
        assert_eq!(id.values().unwrap(), [0, 1, 1]);
        assert!(queue_id.stat().is_ok());
        assert_eq!(memory_id.stat().unwrap().attachments(), 1); // the child's own went with it

        // So does an explicit release, which reports it.
        let (permit, guard, token, attached, set, memory, queue) = parts;
        let (permit, guard, token) = in_child_then_back((permit, guard, token), |(permit, guard, token)| {
            for outcome in [permit.release(), guard.unlock(), token.release()] {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotHeld);
            }
            assert_eq!(id.values().unwrap(), [0, 1, 1]);
        });
        assert_eq!(id.values().unwrap(), [0, 1, 1]);
        assert!(is_alive(&set, 2).unwrap());

        // In the parent they work.
        drop((permit, guard, token));
        assert_eq!(id.values().unwrap(), [1, 0, 0]);
        drop(attached);
        drop((set, memory, queue));
        assert!(id.stat().is_err() && queue_id.stat().is_err() && memory_id.stat().is_err());
    });
}

/// Passes the value to `body` in a child, and returns it here.
fn in_child_then_back<T>(value: T, body: impl FnOnce(T)) -> T {
    let cell = std::cell::RefCell::new(Some(value));
    child(|| body(cell.take().expect("once in the child"))).join();
    cell.into_inner().expect("untouched here")
}

#[test]
fn a_child_that_ends_undoes_only_its_own() {
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap());
        set.set_value(0, 4).unwrap();
        let parents = Permit::acquire(*set, 0, 1).unwrap();
        child(|| {
            std::mem::forget(Permit::acquire(*set, 0, 2).unwrap());
            assert_eq!(set.value(0).unwrap(), 1);
        })
        .join();
        assert_eq!(set.value(0).unwrap(), 3);
        parents.release().unwrap();
        assert_eq!(set.value(0).unwrap(), 4);
    });
}

#[test]
fn a_child_registers_for_barriers_anew() {
    isolated(|| {
        if !ipc_core::barrier::is_supported() {
            common::skip(common::Need::Membarrier, "barriers after fork");
            return;
        }
        ipc_core::barrier::register().unwrap();
        child(|| {
            ipc_core::barrier::register().unwrap();
            ipc_core::barrier::heavy().unwrap();
        })
        .join();
    });
}

const GENERATIONS: usize = 12;

/// Each process in a chain of forks identifies itself, and none of its ancestors.
#[test]
fn a_mark_is_of_one_process_however_many_it_comes_from() {
    fn descend(marks: &mut Vec<ProcessMark>) {
        assert!(marks.iter().all(|mark| !mark.is_current()), "generation {}", marks.len());
        let mine = ProcessMark::current();
        assert!(mine.is_current() && !marks.contains(&mine));
        assert!(mine.check("nothing").is_ok());
        if let Some(parents) = marks.last() {
            assert_eq!(parents.check("this").unwrap_err().kind(), ErrorKind::Forked);
        }
        marks.push(mine);
        if marks.len() < GENERATIONS {
            child(|| descend(&mut marks.clone())).join();
        }
        assert!(mine.is_current());
    }
    isolated(|| descend(&mut Vec::new()));
}

/// Threads of a new process that identify themselves one just after the other, as the first, get one mark.
#[test]
fn threads_that_ask_first_get_one_mark() {
    isolated(|| {
        for round in 0..1000 {
            child(|| {
                let ready = AtomicUsize::new(0);
                let ask = &|delay: usize| {
                    ready.fetch_add(1, Relaxed);
                    while ready.load(Relaxed) < 2 {
                        std::hint::spin_loop();
                    }
                    for step in 0..delay {
                        let _ = std::hint::black_box(step);
                    }
                    ProcessMark::current()
                };
                let marks = std::thread::scope(|scope| {
                    let threads = [0, round * 3].map(|delay| scope.spawn(move || ask(delay)));
                    threads.map(|thread| thread.join().unwrap())
                });
                assert!(marks.iter().all(|mark| *mark == ProcessMark::current()), "{marks:?}");
            })
            .join();
        }
    });
}
