//! `ipcmk`, `ipcs` and `ipcrm` as processes, in a namespace of their own.

mod common;

use common::{Program, isolated, kernel_objects};
use ipc_core::msg::{MessageQueue, MessageType, MsgId};
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Mode};

fn output(program: &'static str, arguments: &[&str]) -> String {
    let ended = Program::start(program, arguments).end();
    assert!(ended.status.success(), "{program} {arguments:?}: {ended:?}");
    ended.output
}

fn refusal(program: &'static str, arguments: &[&str]) -> String {
    let ended = Program::start(program, arguments).end();
    assert!(!ended.status.success(), "{program} {arguments:?}: {ended:?}");
    ended.errors
}

#[test]
fn objects_are_made_shown_and_removed() {
    isolated("objects_are_made_shown_and_removed", || {
        let before = kernel_objects();
        let made = output("ipcmk", &["-M", "5000", "-S", "3", "-Q"]);
        let ids: Vec<&str> = made.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let [memory, set, queue] = ids[..] else { panic!("{made}") };

        let listed = output("ipcs", &[]);
        for text in ["5000", "0600", "Message Queues", "Semaphore Arrays"] {
            assert!(listed.contains(text), "{text}: {listed}");
        }
        let handle = MessageQueue::from_id(MsgId::from_raw(queue.parse().unwrap()));
        handle.send_bytes(MessageType::new(7).unwrap(), b"look\n").unwrap();
        let shown = output("ipcs", &["-q", "-i", queue]);
        assert!(shown.contains("message 0: type 7, 5 bytes: look\\n"), "{shown}");
        assert_eq!(handle.stat().unwrap().messages(), 1); // still there
        assert!(output("ipcs", &["-s", "-i", set]).contains("3 semaphores"));
        assert!(output("ipcs", &["-l"]).contains("MSGMAX"));

        let key = handle.stat().unwrap().permissions().key().to_string();
        output("ipcrm", &["-m", memory, "-s", set, "-Q", &key]);
        assert_eq!(kernel_objects(), before);
        assert!(refusal("ipcrm", &["-m", memory]).contains("EINVAL"));
        assert!(refusal("ipcrm", &[]).starts_with("ipcrm: usage:"));
        assert!(refusal("ipcmk", &["-M", "0"]).contains("at least 1 byte"));
        assert!(refusal("ipcmk", &["-Q", "-p", "1777"]).contains("nine bits"));
        assert_eq!(kernel_objects(), before);
    });
}

/// The other rights are for using an object; removing it needs none.
#[test]
fn ones_own_objects_are_removed_by_key_whatever_their_mode() {
    isolated("ones_own_objects_are_removed_by_key", || {
        let before = kernel_objects();
        for bits in ["0", "0200", "0400", "0600", "0700", "0777"] {
            let mode = Mode::new(u16::from_str_radix(bits, 8).unwrap()).unwrap();
            let keys = [1, 2, 3].map(|_| Key::random().unwrap());
            SharedMemory::create_new(keys[0], 64, &Options::new().mode(mode)).unwrap();
            SemaphoreSet::create_new(keys[1], 1, mode).unwrap();
            MessageQueue::create_new(keys[2], mode).unwrap();
            let [memory, set, queue] = keys.map(|key| key.to_string());
            output("ipcrm", &["-M", &memory, "-S", &set, "-Q", &queue]);
            assert_eq!(kernel_objects(), before, "{bits}");
        }
    });
}

#[test]
fn gc_explains_before_it_removes() {
    isolated("gc_explains_before_it_removes", || {
        let before = kernel_objects();
        let mut producer = Program::start("ticks_producer", &["1000000"]);
        producer.says(); // It has made the channel.
        let consumer = Program::start("ticks_consumer", &[]);
        assert!(output("gc", &["--dry-run"]).starts_with("kept: domain \"default\""));
        // Neither may see the other die: the last one would leave regularly, and remove the domain.
        for program in [&producer, &consumer] {
            program.stop();
        }
        for mut program in [producer, consumer] {
            program.kill();
            let _ = program.end();
        }
        let planned = output("gc", &["--dry-run"]);
        assert!(planned.starts_with("would be removed: domain \"default\" (0 alive, "), "{planned}");
        assert!(planned.contains("no token is raised and no process is attached"), "{planned}");
        assert_ne!(kernel_objects(), before, "a dry run removes nothing");
        assert!(output("gc", &["--persistent"]).starts_with("removed: domain"));
        assert_eq!(kernel_objects(), before);
        assert!(output("gc", &[]).starts_with("nothing"));
        assert!(refusal("gc", &["--now"]).starts_with("gc: usage:"));
    });
}
