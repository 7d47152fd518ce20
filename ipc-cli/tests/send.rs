//! `ipcr send` is a sender for as long as it has messages, and refuses what it cannot send whole.

mod common;

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::{Ended, command, done, end, in_terminal, json, run, run_with_input};
use ipc_ring::broadcast::Mode;
use ipc_ring::control::{EndRole, Named};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, PopError, broadcast, bytes, latest, mpmc, spsc};
use serde_json::json as value;

#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Aim/1")]
#[repr(C)]
struct Aim {
    number: u32,
    angle: f32,
    at: [i16; 2],
}

fn refused(ended: &Ended, code: i32, word: &str) {
    assert!(ended.code == Some(code) && ended.output.is_empty() && ended.errors.contains(word), "{ended:?}");
}

/// Waits until this process has the sending end.
fn until_sender(domain: &Domain, name: &str, pid: u32) {
    common::core::until(|| {
        let Named::Channel(channel) = domain.look_up(name).unwrap().unwrap().what else { panic!("{name}") };
        channel.ends.iter().any(|end| end.role == EndRole::Producer && end.pid == pid)
    });
}

#[test]
fn messages_come_from_fields_digits_and_standard_input() {
    isolated(|| {
        let domain = Domain::open("send").unwrap();
        let builder = spsc::Builder::<Aim>::new("aims").domain(&domain).described().capacity(8);
        let mut aims = builder.create_receiver().unwrap();

        assert_eq!(
            done("send aims number=7 angle=-0.5 at[1]=-2 at[0]=3"),
            "sent 1 message to \"aims\" in domain \"send\"\n"
        );
        assert_eq!(aims.pop().unwrap(), Aim { number: 7, angle: -0.5, at: [3, -2] });
        done("send aims --zeros angle=1e3");
        assert_eq!(aims.pop().unwrap(), Aim { number: 0, angle: 1000.0, at: [0, 0] });

        let lines = json("send aims --hex 010000000000803f01000200 --hex 020000000000803f01000200");
        let sent = value!({ "schema_version": 1, "type": "sent", "domain": "send", "channel": "aims",
            "messages": 2, "length": 12, "key": null });
        assert_eq!(lines, [sent]);
        for number in [1, 2] {
            assert_eq!(aims.pop().unwrap(), Aim { number, angle: 1.0, at: [1, 2] });
        }

        let ended = run_with_input("send aims --domain send", "twelve bytesand 12 more.");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let text = |aim: Aim| String::from_utf8(aim.as_bytes().to_vec()).unwrap();
        assert_eq!(
            (text(aims.pop().unwrap()), text(aims.pop().unwrap())),
            ("twelve bytes".into(), "and 12 more.".into())
        );

        // It has left, and has closed nothing.
        assert_eq!(domain.list().unwrap().processes.len(), 1);
        assert!(!matches!(aims.try_pop(), Err(PopError::Closed)));
        let mut producer = builder.open_sender().unwrap();
        producer.push(Aim { number: 9, angle: 0.0, at: [0, 0] }).unwrap();
        assert_eq!(aims.pop().unwrap().number, 9);
    });
}

#[test]
fn it_sends_to_the_other_kinds_and_to_a_key_of_a_table() {
    isolated(|| {
        let domain = Domain::open("kinds").unwrap();
        let mut jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).create_receiver().unwrap();
        let mut other = mpmc::Builder::<u32>::new("jobs").domain(&domain).open_sender().unwrap();
        let mut news = broadcast::Builder::<u32>::new("news").domain(&domain).create_receiver().unwrap();
        let table = latest::TableBuilder::<u32>::new("table").domain(&domain).keys(3);
        let mut values = table.create_receiver().unwrap();

        other.push(1).unwrap();
        done("send jobs --hex 02000000");
        assert_eq!((jobs.pop().unwrap(), jobs.pop().unwrap()), (1, 2));
        done("send news --hex 03000000");
        assert_eq!(news.pop().unwrap(), 3);
        assert_eq!(json("send table --key 2 --hex 04000000")[0]["key"], value!(2));
        assert_eq!(values.get(2).unwrap().unwrap().value, 4);
        assert!(values.get(0).unwrap().is_none());

        refused(&run("send table --hex 04000000"), 2, "--key says which");
        refused(&run("send table --key 3 --hex 04000000"), 2, "0 to 2");
        refused(&run("send jobs --key 0 --hex 04000000"), 2, "has no keys");
    });
}

#[test]
fn what_is_no_message_takes_no_end() {
    isolated(|| {
        let domain = Domain::open("wrong").unwrap();
        let _aims = spsc::Builder::<Aim>::new("aims").domain(&domain).described().create_receiver().unwrap();
        let _plain = spsc::Builder::<u32>::new("plain").domain(&domain).create_receiver().unwrap();
        let _frames = bytes::Builder::new("frames").domain(&domain).create_receiver().unwrap();
        let _listener = ipc_ring::control::Builder::new("listener").domain(&domain).bind().unwrap();

        refused(&run("send nothing --hex 00"), 3, "no channel");
        refused(&run("send plain --domain nowhere --hex 00"), 3, "nowhere");
        refused(&run("send frames --hex 00"), 2, "bytes");
        refused(&run("send listener --hex 00"), 2, "no channel");
        refused(&run("send plain --hex 000000"), 2, "has 3 bytes, and a message of \"plain\" has 4");
        // Not even the first, which is right.
        refused(&run("send plain --hex 00000000 --hex 00"), 2, "has 1 byte,");
        refused(&run("send plain --hex 0000000g"), 2, "\"0g\"");
        refused(&run("send plain value=1"), 2, "no description");
        refused(&run("send aims number=1 angle=1"), 2, "at[0], at[1]; --zeros");
        refused(&run("send aims --zeros speed=1"), 2, "number, angle, at[0], at[1]");
        refused(&run("send aims --zeros at[0]=40000"), 2, "at[0]: \"40000\" is no value of i16");
        refused(&run("send aims --zeros number=1 number=1"), 2, "twice");
        refused(&run("send aims --zeros number"), 2, "FIELD=VALUE");
        refused(&run("send plain"), 2, "no message");
        refused(&run_with_input("send plain", "abc"), 2, "ends after 3 bytes of a message of 4");
        let (shown, code) = in_terminal("send plain", 200, "", &[]);
        assert!(code == Some(2) && shown.contains("no message"), "{shown}");
        let pushed = |name| spsc::Observer::open_in(&domain, name).unwrap().counters().pushed;
        assert_eq!((pushed("aims"), pushed("plain")), (0, 0));

        // Those before the broken one have gone.
        let ended = run_with_input("send plain", "abcdefghi");
        assert!(ended.code == Some(2) && ended.errors.contains("ends after 1 byte of"), "{ended:?}");
        assert!(ended.output.starts_with("sent 2 messages"), "{ended:?}");
        assert_eq!(pushed("plain"), 2);
    });
}

#[test]
fn an_end_that_is_held_is_refused_and_one_of_a_dead_process_is_taken_over() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let mut numbers = spsc::Builder::<u32>::new("numbers").domain(&domain).create_receiver().unwrap();
        let gate = Gate::new();
        let producer = child(|| {
            let mut producer = spsc::Producer::<u32>::open("numbers").unwrap();
            producer.push(1).unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let pid = producer.pid().to_string();
        let ended = run("send numbers --hex 02000000");
        refused(&ended, 5, &pid);
        assert!(ended.errors.contains("nothing was sent"), "{ended:?}");
        producer.kill();
        done("send numbers --hex 02000000");
        assert_eq!((numbers.pop().unwrap(), numbers.pop().unwrap()), (1, 2));
        drop(numbers);

        // A stream that was ended takes no sender.
        let domain = Domain::open("default").unwrap();
        let builder = broadcast::Builder::<u32>::new("over").domain(&domain);
        let _subscriber = builder.create_receiver().unwrap();
        builder.open_sender().unwrap().close();
        refused(&run("send over --hex 02000000"), 5, "nothing was sent");
    });
}

#[test]
fn a_full_channel_is_waited_for_and_then_told() {
    isolated(|| {
        let domain = Domain::open("full").unwrap();
        let builder = broadcast::Builder::<u32>::new("gated").domain(&domain).capacity(2).mode(Mode::Gated);
        let mut slow = builder.create_receiver().unwrap();
        let ended = run("send gated --timeout 10ms --hex 01000000 --hex 02000000 --hex 03000000");
        assert!(ended.code == Some(1) && ended.output.starts_with("sent 2 messages"), "{ended:?}");
        assert!(
            ended.errors.contains("no room for 10ms") && ended.errors.contains("before were sent"),
            "{ended:?}"
        );
        refused(&run("send gated --timeout 10ms --hex 03000000"), 5, "nothing was sent: no room");

        let waiting = command("send gated --timeout 600s --hex 03000000").spawn().unwrap();
        until_sender(&domain, "gated", waiting.id());
        assert_eq!(slow.pop().unwrap(), 1);
        assert_eq!(end(waiting).code, Some(0));
        assert_eq!((slow.pop().unwrap(), slow.pop().unwrap()), (2, 3));
    });
}

#[test]
fn ctrl_c_ends_it_and_leaves_the_end_to_others() {
    use nix::sys::signal::{Signal, kill};
    use std::io::Write as _;
    isolated(|| {
        let domain = Domain::open("ends").unwrap();
        let mut numbers =
            spsc::Builder::<u32>::new("numbers").domain(&domain).capacity(2).create_receiver().unwrap();
        let interrupt = |child: &std::process::Child| {
            kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        };
        // Waiting for more of its input.
        let mut fed = command("send numbers --json").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut input = fed.stdin.take().unwrap();
        input.write_all(&[1, 0, 0, 0, 9]).unwrap();
        assert_eq!(numbers.pop().unwrap(), 1);
        interrupt(&fed);
        let ended = end(fed);
        drop(input);
        assert_eq!(
            (ended.code, &common::lines(&ended.output)[0]["messages"]),
            (Some(130), &value!(1)),
            "{ended:?}"
        );
        // Waiting for room.
        done("send numbers --hex 02000000 --hex 03000000");
        let full = command("send numbers --timeout 600s --hex 04000000").spawn().unwrap();
        until_sender(&domain, "numbers", full.id());
        interrupt(&full);
        let ended = end(full);
        assert_eq!((ended.code, ended.output.as_str()), (Some(130), ""), "{ended:?}");
        assert_eq!((numbers.pop().unwrap(), numbers.pop().unwrap()), (2, 3));
        done("send numbers --hex 05000000");
        assert_eq!(numbers.pop().unwrap(), 5);
        assert_eq!(domain.list().unwrap().processes.len(), 1);
    });
}
