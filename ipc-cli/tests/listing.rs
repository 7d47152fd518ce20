//! What `ipcr sysv ls` and `show` tell, against what the kernel tells the library.

mod common;

use common::core::children::{Child, Gate, MSGRCV, SEMOP, become_user, child};
use common::core::namespace::{isolated, others_exist};
use common::core::until;
use common::{command_of, done, end, json, lines, object, run};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, Select};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Mode, RemoveOnDrop, list};
use serde_json::{Value, json as value};

fn segment(size: usize) -> RemoveOnDrop<SharedMemory> {
    let key = Key::random().unwrap();
    RemoveOnDrop::new(SharedMemory::create_new(key, size, &Options::default()).unwrap())
}

/// A child that has the segment attached, writable or not, until it is killed.
fn user(memory: SharedMemory, writes: bool) -> Child {
    let gate = Gate::new();
    let user = child(|| {
        let _attached = if writes { memory.attach() } else { memory.attach_read_only() };
        gate.open();
        std::thread::sleep(std::time::Duration::from_secs(600));
    });
    gate.pass();
    user
}

#[test]
fn the_listing_is_what_the_kernel_has() {
    isolated(|| {
        let memory = segment(5000);
        let set = RemoveOnDrop::new(
            SemaphoreSet::create_new(Key::from_raw(-2), 3, Mode::PRIVATE.group_read()).unwrap(),
        );
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        queue.send_bytes(MessageType::ONE, b"hello").unwrap();
        let attached = memory.attach().unwrap();
        attached.copy_to(0, &[1; 5000]).unwrap();

        let lines = json("sysv ls");
        assert_eq!(lines.len(), 3, "{lines:?}");
        let me = std::process::id();
        let stat = memory.stat().unwrap();
        let line = object(&lines, &format!("shm:{}", memory.id()));
        assert_eq!(line["type"], "segment");
        assert_eq!(line["id"], memory.id().as_raw());
        assert_eq!(line["key"], stat.permissions().key().to_string());
        assert_eq!(line["key_number"], stat.permissions().key().as_raw());
        assert_eq!(line["bytes"], 5000);
        assert_eq!(line["mode"], "0600");
        assert_eq!(line["mode_bits"], 0o600);
        assert_eq!(line["owner"]["uid"], stat.permissions().uid());
        assert_eq!(line["creator_pid"], me);
        assert_eq!(line["mappings"], 1);
        assert_eq!(line["attached"][0]["pid"], me);
        assert_eq!(line["attached"][0]["writable"], true);
        assert_eq!(line["mappings_not_seen"], 0);
        assert!(line["resident_bytes"].as_u64().unwrap() >= 5000);
        assert_eq!(line["detached_at"], Value::Null);
        assert_eq!(line["verdict"], "in_use");

        let line = object(&lines, &format!("sem:{}", set.id()));
        assert_eq!(
            (&line["semaphores"], &line["key_number"], &line["key"]),
            (&value!(3), &value!(-2), &value!("0xfffffffe"))
        );
        assert_eq!(
            (&line["mode"], &line["operated_at"], &line["verdict"]),
            (&value!("0640"), &Value::Null, &value!("unknown"))
        );

        let line = object(&lines, &format!("msg:{}", queue.id()));
        assert_eq!(
            (&line["messages"], &line["bytes"], &line["last_sender_pid"]),
            (&value!(1), &value!(5), &value!(me))
        );
        assert_eq!((&line["last_receiver_pid"], &line["verdict"]), (&Value::Null, &value!("live")));
        assert_eq!(line["capacity_bytes"], queue.stat().unwrap().capacity_bytes());

        // One kind, and the same in a table.
        assert_eq!(json("sysv ls -q").len(), 1);
        let table = done("sysv ls");
        for name in
            [format!("shm:{}", memory.id()), format!("sem:{}", set.id()), format!("msg:{}", queue.id())]
        {
            assert!(table.lines().any(|line| line.starts_with(&name)), "{table}");
        }
        assert!(table.contains("5000 B") && table.contains("3 sems") && table.contains("1 msg,"), "{table}");
        drop(attached);
    });
}

#[test]
fn an_empty_namespace_is_no_error() {
    isolated(|| {
        assert!(done("sysv ls").contains("no System V object"));
        assert!(json("sysv ls").is_empty());
        let ended = run("sysv show shm:0");
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.errors.contains("shm:0"), "{ended:?}");
    });
}

#[test]
fn every_attached_process_is_shown_until_it_dies() {
    isolated(|| {
        let memory = segment(10_000);
        let (writer, reader) = (user(*memory, true), user(*memory, false));
        let lines = json("sysv ls");
        let attached = lines[0]["attached"].as_array().unwrap();
        let of = |pid: u32| {
            attached.iter().find(|line| line["pid"] == pid).unwrap_or_else(|| panic!("{pid} in {attached:?}"))
        };
        assert_eq!((attached.len(), &lines[0]["mappings"]), (2, &value!(2)));
        assert_eq!(
            (&of(writer.pid())["writable"], &of(reader.pid())["writable"]),
            (&value!(true), &value!(false))
        );
        let shown = done(&format!("sysv show shm:{}", memory.id()));
        assert!(
            shown.contains(&format!("{} ", writer.pid())) && shown.contains("reads and writes, 1 mapping"),
            "{shown}"
        );
        writer.kill();
        let lines = json("sysv ls");
        assert_eq!(
            (&lines[0]["mappings"], &lines[0]["attached"][0]["pid"]),
            (&value!(1), &value!(reader.pid()))
        );
        // Who made it lives.
        reader.kill();
        assert_eq!(json("sysv ls")[0]["verdict"], "live");
    });
}

/// Asserts what is said about the only object.
fn verdict(expected: &str, evidence: &str) {
    let lines = json("sysv ls");
    assert_eq!(lines[0]["verdict"], expected, "{lines:?}");
    assert!(lines[0]["evidence"].to_string().contains(evidence), "{evidence}: {lines:?}");
}

#[test]
fn a_segment_is_dead_when_maker_and_last_user_are() {
    isolated(|| {
        let key = Key::random().unwrap();
        let maker = child(|| assert!(SharedMemory::create_new(key, 64, &Options::default()).is_ok()));
        let maker_pid = maker.pid();
        maker.join();
        verdict("dead", &format!("its creator, process {maker_pid}, is gone"));
        verdict("dead", "never attached");
        let id = list::segments().unwrap()[0].0;
        let memory = SharedMemory::from_id(id);
        let last = user(memory, true);
        verdict("in_use", "attached once");
        memory.remove().unwrap();
        verdict("in_use", "goes with its last mapping");
        last.kill();
        assert!(json("sysv ls").is_empty());
    });
}

#[test]
fn a_set_is_dead_when_those_who_operated_are() {
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap());
        verdict("unknown", "never operated on");
        let waiting = child(|| set.perform(&[Op::take(1, 1)]).unwrap());
        waiting.until_blocked_in(&SEMOP);
        verdict("in_use", "the kernel counts 1 waiting");
        let line = &json("sysv ls")[0];
        assert_eq!(
            (&line["asleep"][0]["pid"], &line["asleep"][0]["waits_to"]),
            (&value!(waiting.pid()), &value!("operate"))
        );
        let shown = json(&format!("sysv show sem:{}", set.id()));
        assert_eq!(
            (&shown[2]["type"], &shown[2]["index"], &shown[2]["waiting_for_increase"]),
            (&value!("semaphore"), &value!(1), &value!(1))
        );
        let raising = child(|| set.post(1).unwrap());
        let raising_pid = raising.pid();
        raising.join();
        let waited_pid = waiting.pid();
        waiting.join();
        verdict("dead", &format!("process {waited_pid}, is gone"));
        let shown = json(&format!("sysv show sem:{}", set.id()));
        assert_ne!(shown[2]["last_pid"], value!(raising_pid));
        assert_eq!(shown[2]["last_pid"], waited_pid);
        set.post(0).unwrap();
        verdict("live", "is alive");
    });
}

/// As a user whose processes can all be looked into: of root's there may be some with rights that this root
/// has not.
#[test]
fn a_queue_is_dead_when_last_sender_and_receiver_are() {
    isolated(|| {
        if !common::core::is_root() || !others_exist() {
            return check_queue();
        }
        let (_directory, copy) = copy_for_others();
        child(|| {
            become_user(4242, 4242, &[]);
            // A process that changes its user hides from that user as well.
            nix::sys::prctl::set_dumpable(true).unwrap();
            check_queue_by(copy.as_os_str());
        })
        .join();
    });
}

fn check_queue() {
    check_queue_by(env!("CARGO_BIN_EXE_ipcr").as_ref());
}

fn check_queue_by(program: &std::ffi::OsStr) {
    let verdict = |expected: &str, evidence: &str| {
        let ended = end(command_of(program, "sysv ls --json").spawn().unwrap());
        let lines = lines(&ended.output);
        assert_eq!(lines[0]["verdict"], expected, "{lines:?}");
        assert!(lines[0]["evidence"].to_string().contains(evidence), "{evidence}: {lines:?}");
    };
    let me = nix::unistd::geteuid().as_raw();
    let hidden = list::asleep().unwrap().unseen.into_iter().filter(|unseen| unseen.uid == Some(me)).count();
    let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
    if hidden > 0 {
        // In a user namespace those outside of it, for instance. Any of them might wait in the queue.
        common::core::skip(
            common::core::Need::Root,
            &format!("{hidden} processes of this user may not be looked into"),
        );
        return verdict("unknown", "never sent to");
    }
    verdict("unknown", "never sent to");
    child(|| queue.send_bytes(MessageType::ONE, b"1").unwrap()).join();
    verdict("unknown", "never received from");
    let receive = || queue.receive(&mut MessageBuffer::with_capacity(10), Select::Any).unwrap();
    child(receive).join();
    verdict("dead", "last receiver");
    let waiting = child(receive);
    waiting.until_blocked_in(&MSGRCV);
    verdict("in_use", "1 thread waits for a message");
    waiting.kill();
    verdict("dead", "last sender");
    queue.send_bytes(MessageType::ONE, b"1").unwrap();
    verdict("live", "is alive");
}

/// Where `/proc` hides them, they are not counted among those that could not be looked into either.
#[test]
fn what_proc_hides_is_said_to_be_hidden() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    isolated(|| {
        if !common::core::is_root() {
            return common::core::skip(common::core::Need::Root, "mounting /proc");
        }
        if !others_exist() {
            return;
        }
        let memory = segment(64);
        let mode = Mode::PRIVATE.others_read().others_write();
        memory.set_mode(mode).unwrap();
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, mode).unwrap());
        // Twice: a child has what its parent has.
        let _attached = memory.attach().unwrap();
        let (directory, copy) = copy_for_others();
        child(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)
                .unwrap();
            mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), Some("hidepid=2")).unwrap();
            become_user(4242, 4242, &[]);
            let ended = end(command_of(copy.as_os_str(), "sysv ls --json").spawn().unwrap());
            let lines = lines(&ended.output);
            let line = object(&lines, &format!("shm:{}", memory.id()));
            assert_eq!(
                (&line["mappings"], &line["mappings_not_seen"]),
                (&value!(2), &value!(2)),
                "{lines:?}"
            );
            let evidence = object(&lines, &format!("msg:{}", queue.id()))["evidence"].to_string();
            assert!(evidence.contains("/proc hides them"), "{evidence}");
            let table = end(command_of(copy.as_os_str(), "sysv ls").spawn().unwrap()).output;
            assert!(
                table.contains("2 mappings that the kernel counts, by processes of other users"),
                "{table}"
            );
        })
        .join();
        drop(directory);
    });
}

/// The program where other users may run it; it goes with the directory.
fn copy_for_others() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("ipcr");
    std::fs::copy(env!("CARGO_BIN_EXE_ipcr"), &copy).unwrap();
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    (directory, copy)
}

#[test]
fn names_of_processes_move_no_cursor() {
    isolated(|| {
        let memory = segment(64);
        let gate = Gate::new();
        let hostile = child(|| {
            let _attached = memory.attach().unwrap();
            std::fs::write("/proc/self/comm", "a\x1b[2J\u{9b}7m\n\u{202e}").unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        until(|| std::fs::read(format!("/proc/{}/comm", hostile.pid())).unwrap().starts_with(b"a\x1b"));
        for arguments in
            ["sysv ls", "sysv ls --why", "sysv ls --json", &format!("sysv show shm:{}", memory.id())]
        {
            let output = done(arguments);
            assert!(output.is_ascii() || !output.contains(['\u{9b}', '\u{202e}']), "{arguments}: {output:?}");
            assert!(
                !output.contains(|character: char| character.is_control() && character != '\n'),
                "{arguments}: {output:?}"
            );
        }
        // For programs it is what it is.
        assert!(json("sysv ls")[0]["attached"][0]["name"].as_str().unwrap().starts_with("a\x1b[2J"));
        hostile.kill();
    });
}

#[test]
fn limits_are_those_of_the_namespace() {
    isolated(|| {
        let _queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        let lines = json("sysv limits");
        let of = |name: &str| lines.iter().find(|line| line["limit"] == name).unwrap();
        assert_eq!(of("MSGMNI")["used"], 1);
        assert_eq!(of("MSGMNB")["value"], ipc_core::Limit::QueueBytes.value().unwrap());
        assert_eq!(of("SHMMAX")["value"], ipc_core::Limit::SegmentBytes.value().unwrap());
        if common::core::namespace::set_kernel("msgmni", "1") {
            let table = done("sysv limits");
            assert!(
                table.contains("MSGMNI is nearly used up") && table.contains("sysctl -w kernel.msgmni"),
                "{table}"
            );
        }
    });
}
