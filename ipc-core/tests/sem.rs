//! Semaphore sets on the real kernel.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::children::{SEMOP, child, interruptible_by_usr1, until_blocked_in};
use common::namespace::{isolated, others_exist, set_kernel};
use common::{far, soon, until};
use ipc_core::sem::{Count, MAX_VALUE, Mutex, Op, Operations, Permit, SemId, SemaphoreSet};
use ipc_core::{ErrorKind, Key, Limit, Mode, RemoveOnDrop, Trust};
use nix::libc;
use nix::sys::signal::Signal;

fn create(count: usize) -> RemoveOnDrop<SemaphoreSet> {
    RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, count, Mode::PRIVATE).expect("create"))
}

#[test]
fn errors_of_creation_and_opening() {
    isolated(|| {
        let (key, trust) = (Key::random().unwrap(), Trust::same_user());
        assert_eq!(SemaphoreSet::open(key, Count::Any, &trust).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(
            SemaphoreSet::open(Key::PRIVATE, Count::Any, &trust).unwrap_err().kind(),
            ErrorKind::Invalid
        );
        assert_eq!(SemaphoreSet::create_new(key, 0, Mode::PRIVATE).unwrap_err().kind(), ErrorKind::Invalid);
        for count in [32001, usize::MAX] {
            let error = SemaphoreSet::create_new(key, count, Mode::PRIVATE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SemaphoresPerSet));
            assert!(error.to_string().contains("SEMMSL (semaphores in one set) is 32000"), "{error}");
        }
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(key, 3, Mode::PRIVATE).unwrap());
        let error = SemaphoreSet::create_new(key, 3, Mode::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(SemaphoreSet::open(key, Count::Exact(3), &trust).unwrap(), *set);
        for count in [Count::Exact(2), Count::Exact(4), Count::AtLeast(4)] {
            let error = SemaphoreSet::open(key, count, &trust).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SizeMismatch);
            assert!(error.to_string().contains("has 3 semaphores"), "{error}");
        }
    });
}

#[test]
fn limits_on_sets_and_on_all_semaphores_are_told_apart() {
    isolated(|| {
        if !set_kernel("sem", "10 25 500 2") {
            return;
        }
        let _two = [create(10), create(10)];
        let error = SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SemaphoreSets));
        assert!(error.to_string().contains("SEMMNI (sets in this IPC namespace) is 2, 2 in use"), "{error}");
        assert!(set_kernel("sem", "10 25 500 9"));
        let error = SemaphoreSet::create_new(Key::PRIVATE, 6, Mode::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::Semaphores));
        assert!(error.to_string().contains("is 25, 20 in use"), "{error}");
    });
}

#[test]
fn errors_of_operations() {
    isolated(|| {
        let set = create(2);
        let kind = |operations: &[Op]| set.perform(operations).unwrap_err().kind();
        assert_eq!(kind(&[]), ErrorKind::Invalid);
        assert_eq!(kind(&[Op::add(2, 1)]), ErrorKind::NoSuchSemaphore);
        assert_eq!(kind(&[Op::take(0, 1).no_wait()]), ErrorKind::WouldBlock);
        assert_eq!(kind(&[Op::add(0, MAX_VALUE), Op::add(0, 1)]), ErrorKind::OutOfRange);
        assert_eq!(kind(&vec![Op::wait_zero(0); 501]), ErrorKind::TooManyOperations);
        set.perform(&vec![Op::wait_zero(0); 500]).unwrap();
        assert_eq!(set.values().unwrap(), [0, 0]); // nothing was done by halves

        let error = set.perform(&[Op::add(2, 1)]).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("[add(2, 1)]): EFBIG: File too large; the set has 2 semaphores, counted from 0"),
            "{error}"
        );
        let error = set.perform(&vec![Op::wait_zero(0); 501]).unwrap_err();
        assert!(
            error.to_string().contains("SEMOPM (operations in one call) is 500; to raise it,"),
            "{error}"
        );

        // The sum to undo has bounds of its own: 32767 up, then 32767 down by others, and once more.
        set.perform(&[Op::add(0, MAX_VALUE).undo()]).unwrap();
        set.perform(&[Op::take(0, MAX_VALUE)]).unwrap();
        assert_eq!(kind(&[Op::add(0, 2).undo()]), ErrorKind::OutOfRange);
        assert_eq!(set.value(0).unwrap(), 0);
    });
}

#[test]
fn errors_of_values() {
    isolated(|| {
        let set = create(2);
        assert_eq!(set.value(2).unwrap_err().kind(), ErrorKind::NoSuchSemaphore);
        assert_eq!(set.last_pid(2).unwrap_err().kind(), ErrorKind::NoSuchSemaphore);
        assert_eq!(set.waiting_for_zero(2).unwrap_err().kind(), ErrorKind::NoSuchSemaphore);
        assert_eq!(set.set_value(2, 1).unwrap_err().kind(), ErrorKind::NoSuchSemaphore);
        assert_eq!(set.set_value(0, MAX_VALUE + 1).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(set.set_values(&[1, MAX_VALUE + 1]).unwrap_err().kind(), ErrorKind::OutOfRange);
        for wrong in [&[][..], &[1], &[1, 2, 3]] {
            assert_eq!(set.set_values(wrong).unwrap_err().kind(), ErrorKind::SizeMismatch);
        }
        set.set_values(&[1, MAX_VALUE]).unwrap();
        assert_eq!(set.values().unwrap(), [1, MAX_VALUE]);
        assert_eq!(set.grant(u32::MAX).unwrap_err().kind(), ErrorKind::Invalid);

        let gone = *set;
        drop(set);
        assert_eq!(gone.value(0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(gone.values().unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(gone.post(0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(gone.try_wait(0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(gone.wait_deadline(0, far()).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(SemaphoreSet::from_id(SemId::from_raw(-1)).stat().unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn operations_are_done_in_order_all_or_none() {
    isolated(|| {
        let set = create(2);
        assert!(!set.try_perform(&[Op::take(0, 1), Op::add(0, 1)]).unwrap()); // takes first
        assert!(set.try_perform(&[Op::add(0, 1), Op::take(0, 1)]).unwrap());
        assert!(!set.try_perform(&[Op::add(0, 1), Op::take(1, 1)]).unwrap());
        assert_eq!(set.values().unwrap(), [0, 0]);
        // More than fit on the stack.
        let many: Operations = (0..40).map(|_| Op::add(0, 1)).chain([Op::take(1, 1)]).collect();
        assert!(!many.try_perform(*set).unwrap());
        set.post(1).unwrap();
        assert!(many.try_perform(*set).unwrap());
        assert_eq!(set.values().unwrap(), [40, 0]);
    });
}

#[test]
fn waiters_are_counted_and_woken() {
    isolated(|| {
        let set = create(1);
        set.post(0).unwrap();
        let zero = child(|| set.perform(&[Op::wait_zero(0)]).unwrap());
        let two = child(|| set.perform(&[Op::take(0, 2)]).unwrap());
        until(|| set.waiting_for_zero(0).unwrap() == 1 && set.waiting_for_increase(0).unwrap() == 1);
        set.post(0).unwrap(); // 2: the one takes both, then the other sees zero
        two.join();
        zero.join();
        assert_eq!(set.value(0).unwrap(), 0);
        assert_eq!((set.waiting_for_zero(0).unwrap(), set.waiting_for_increase(0).unwrap()), (0, 0));
    });
}

#[test]
fn a_later_small_wish_overtakes_an_earlier_large_one() {
    isolated(|| {
        let set = create(1);
        let large = child(|| set.perform(&[Op::take(0, 2)]).unwrap());
        until(|| set.waiting_for_increase(0).unwrap() == 1);
        let small = child(|| set.wait(0).unwrap());
        until(|| set.waiting_for_increase(0).unwrap() == 2);
        set.post(0).unwrap();
        small.join();
        assert_eq!(set.waiting_for_increase(0).unwrap(), 1);
        set.perform(&[Op::add(0, 2)]).unwrap();
        large.join();
    });
}

#[test]
fn removal_wakes_all_who_wait() {
    isolated(|| {
        let set = SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap();
        let waiters = [
            child(|| assert_eq!(set.wait(0).unwrap_err().kind(), ErrorKind::Removed)),
            child(|| assert_eq!(set.wait_deadline(0, far()).unwrap_err().kind(), ErrorKind::Removed)),
            child(|| assert_eq!(Permit::acquire(set, 0, 1).unwrap_err().kind(), ErrorKind::Removed)),
        ];
        until(|| set.waiting_for_increase(0).unwrap() == 3);
        set.remove().unwrap();
        waiters.into_iter().for_each(common::children::Child::join);
    });
}

#[test]
fn a_deadline_passes_and_changes_nothing() {
    isolated(|| {
        let set = create(1);
        let deadline = soon(20);
        assert!(!set.perform_deadline(&[Op::add(0, 1), Op::take(0, 2)], deadline).unwrap());
        assert!(Instant::now() >= deadline);
        assert_eq!(set.value(0).unwrap(), 0);
        // In the past: one attempt.
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        assert!(!set.wait_deadline(0, past).unwrap());
        set.post(0).unwrap();
        assert!(set.wait_deadline(0, past).unwrap());
        assert!(Permit::acquire_deadline(*set, 0, 1, soon(2)).unwrap().is_none());
        let mutex = Mutex::new(*set, 0);
        let _guard = mutex.lock().unwrap();
        assert!(mutex.lock_deadline(soon(2)).unwrap().is_none());
    });
}

/// Sends SIGUSR1 to a child every 10 ms until it has ended well; answers how often.
fn pester(process: common::children::Child) -> usize {
    let ended = AtomicBool::new(false);
    let (pid, mut sent) = (nix::unistd::Pid::from_raw(process.pid().cast_signed()), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            process.join();
            ended.store(true, Ordering::Relaxed);
        });
        while !ended.load(Ordering::Relaxed) {
            let _ = nix::sys::signal::kill(pid, Signal::SIGUSR1);
            sent += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    sent
}

#[test]
fn signals_every_ten_milliseconds_lose_no_time_and_no_operation() {
    isolated(|| {
        let set = create(1);
        interruptible_by_usr1();
        let process = child(|| {
            let start = Instant::now();
            let deadline = start + Duration::from_millis(200);
            assert!(!set.wait_deadline(0, deadline).unwrap());
            assert!(Instant::now() >= deadline);
        });
        let sent = pester(process);
        assert!(sent >= 5, "only {sent} signals");

        let process = child(|| set.wait(0).unwrap());
        process.until_blocked_in(&SEMOP);
        for _ in 0..10 {
            process.signal(Signal::SIGUSR1);
            std::thread::sleep(Duration::from_millis(10));
        }
        set.post(0).unwrap();
        process.join();
        assert_eq!(set.value(0).unwrap(), 0);
    });
}

#[test]
fn interruptible_calls_come_back() {
    isolated(|| {
        let set = create(1);
        interruptible_by_usr1();
        let processes = [
            child(|| {
                let error = set.perform_interruptible(&[Op::take(0, 1)]).unwrap_err();
                assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Interrupted, Some(libc::EINTR)));
            }),
            child(|| {
                let error = set.perform_deadline_interruptible(&[Op::take(0, 1)], far()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Interrupted);
            }),
            child(|| {
                assert_eq!(
                    Permit::acquire_interruptible(*set, 0, 1).unwrap_err().kind(),
                    ErrorKind::Interrupted
                );
            }),
        ];
        until(|| set.waiting_for_increase(0).unwrap() == 3);
        for process in processes {
            process.signal(Signal::SIGUSR1);
            process.join();
        }
    });
}

#[test]
fn stop_and_continue_interrupt_and_are_not_noticed() {
    isolated(|| {
        let set = create(1);
        let process = child(|| set.wait(0).unwrap());
        until(|| set.waiting_for_increase(0).unwrap() == 1);
        for _ in 0..5 {
            process.signal(Signal::SIGSTOP);
            process.signal(Signal::SIGCONT);
        }
        until(|| set.waiting_for_increase(0).unwrap() == 1);
        set.post(0).unwrap();
        process.join();
    });
}

#[test]
fn setting_values_is_no_operation_and_erases_what_is_to_be_undone() {
    isolated(|| {
        let set = create(1);
        set.set_value(0, 1).unwrap();
        assert_eq!(set.stat().unwrap().operated_at(), None);
        assert_eq!(set.last_pid(0).unwrap(), Some(std::process::id())); // though this changes
        child(|| {
            set.perform(&[Op::take(0, 1).undo()]).unwrap();
            set.set_value(0, 7).unwrap();
        })
        .join();
        assert_eq!(set.value(0).unwrap(), 7); // and not 8
        assert!(set.stat().unwrap().operated_at().is_some());
    });
}

#[test]
fn undo_belongs_to_the_process_not_to_the_thread() {
    isolated(|| {
        let set = create(1);
        let holder = child(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| set.perform(&[Op::add(0, 1).undo()]).unwrap()).join().unwrap();
            });
            assert_eq!(set.value(0).unwrap(), 1, "a thread that ends keeps it");
        });
        holder.join();
        assert_eq!(set.value(0).unwrap(), 0);
    });
}

#[test]
fn a_mutex_excludes_processes_and_threads() {
    isolated(|| {
        let set = create(1);
        let (counter, _) =
            ipc_core::segment::Segment::ephemeral(64, &ipc_core::shm::Options::default()).unwrap();
        let mutex = Mutex::new(*set, 0);
        let count = || {
            for _ in 0..500 {
                let guard = mutex.lock().unwrap();
                let word = counter.atomic_u64(0).unwrap();
                // Not one instruction, on purpose: only the lock keeps it together.
                let value = word.load(Ordering::Relaxed);
                std::hint::spin_loop();
                word.store(value + 1, Ordering::Relaxed);
                guard.unlock().unwrap();
            }
        };
        let processes = [child(count), child(count)];
        std::thread::scope(|scope| {
            scope.spawn(count);
            scope.spawn(count);
        });
        processes.into_iter().for_each(common::children::Child::join);
        assert_eq!(counter.load_u64(0, Ordering::Relaxed), Some(2000));
        assert_eq!(set.value(0).unwrap(), 0);
    });
}

#[test]
fn a_mutex_that_was_reset_says_so() {
    isolated(|| {
        let set = create(1);
        let guard = Mutex::new(*set, 0).lock().unwrap();
        set.set_value(0, 0).unwrap();
        assert_eq!(guard.unlock().unwrap_err().kind(), ErrorKind::NotHeld);
        let permit_of_nothing = SemaphoreSet::from_id(set.id());
        set.set_value(0, MAX_VALUE).unwrap();
        let permit = Permit::acquire(permit_of_nothing, 0, 1).unwrap();
        set.post(0).unwrap();
        assert_eq!(permit.release().unwrap_err().kind(), ErrorKind::OutOfRange);
    });
}

#[test]
fn a_thread_that_waits_can_be_found_by_its_call() {
    isolated(|| {
        let set = create(1);
        std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let waiter = scope.spawn(move || {
                tell.send(nix::unistd::gettid()).unwrap();
                set.wait(0).unwrap();
                set
            });
            let task = format!("/proc/self/task/{}", told.recv().unwrap());
            until_blocked_in(&task, &SEMOP);
            let sets = ipc_core::list::sets().unwrap();
            SemaphoreSet::from_id(sets[0].0).post(0).unwrap();
            waiter.join().unwrap();
        });
    });
}

#[test]
fn owner_and_mode_change_together_with_nothing_else() {
    isolated(|| {
        let set = create(2);
        set.set_values(&[3, 4]).unwrap();
        set.set_mode(Mode::new(0o640).unwrap()).unwrap();
        assert_eq!(set.values().unwrap(), [3, 4]);
        if !others_exist() {
            return;
        }
        set.set_owner(12, 34).unwrap();
        set.grant(56).unwrap();
        let permissions = set.stat().unwrap().permissions();
        assert_eq!((permissions.mode().bits(), permissions.uid(), permissions.gid()), (0o640, 56, 34));
        assert_eq!(set.values().unwrap(), [3, 4]);
    });
}
