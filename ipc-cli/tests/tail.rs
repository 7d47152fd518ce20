//! `ipcr tail` prints messages without taking part, and ends when no end is attached to the channel any more.

mod common;

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::{command, done, end, json, run};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, broadcast, bytes, call, latest, spsc};
use serde_json::{Value, json as value};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct Shot {
    number: u32,
    angle: f32,
    at: [i16; 2],
}

fn shot(number: u32) -> Shot {
    Shot { number, angle: 0.1, at: [-1, 2] }
}

#[test]
fn fields_are_told_where_the_channel_describes_them_and_bytes_elsewhere() {
    isolated(|| {
        let domain = Domain::open("tail").unwrap();
        let builder = spsc::Builder::<Shot>::new("shots").domain(&domain).capacity(8);
        let mut shots = builder.described().create_sender().unwrap();
        let mut plain = broadcast::Builder::<[u8; 20]>::new("plain").domain(&domain).create_sender().unwrap();
        let mut values =
            latest::TableBuilder::<u32>::new("values").domain(&domain).keys(3).create_sender().unwrap();
        let mut texts = bytes::Builder::new("texts").domain(&domain).create_sender().unwrap();
        (0..3).for_each(|number| shots.push(shot(number)).unwrap());
        ["one", "", "three"].iter().for_each(|text| texts.push(text.as_bytes()).unwrap());
        plain.push(*b"twenty bytes of text").unwrap();
        values.publish(2, 77).unwrap();

        let lines = json("tail shots --from oldest --count 3");
        for (number, line) in lines.iter().enumerate() {
            assert_eq!((&line["type"], &line["sequence"]), (&value!("channel_message"), &value!(number)));
            let fields = value!({ "number": number, "angle": 0.1, "at[0]": -1, "at[1]": 2 });
            assert_eq!(line["fields"], fields);
        }
        assert_eq!(lines.len(), 3);
        let shown = done("tail shots --from oldest --count 1");
        assert_eq!(shown, "#0  number=0  angle=0.1  at[0]=-1  at[1]=2\n");

        let shown = done("tail plain --from oldest --count 1");
        assert!(shown.starts_with("#0 20 bytes\n") && shown.contains("|twenty bytes of |"), "{shown}");
        assert!(done("tail plain --from oldest --count 1 --bytes 4").contains("and 16 bytes more"));
        let lines = json("tail plain --from oldest --count 1");
        assert_eq!((&lines[0]["length"], &lines[0]["fields"]), (&value!(20), &Value::Null));
        let lines = json("tail texts --from oldest --count 3");
        let shown: Vec<_> = lines.iter().map(|line| (&line["sequence"], &line["hex"])).collect();
        let expected =
            [(value!(0), value!("6f6e65")), (value!(1), value!("")), (value!(2), value!("7468726565"))];
        assert_eq!(shown, expected.each_ref().map(|(sequence, hex)| (sequence, hex)));
        let lines = json("tail values --count 1");
        assert_eq!((&lines[0]["key"], &lines[0]["hex"]), (&value!(2), &value!("4d000000")));
        assert!(done("tail values --count 1").starts_with("#1 key 2 4 bytes\n"));

        // No message was popped, and no seat was taken.
        let builder = spsc::Builder::<Shot>::new("shots").domain(&domain);
        let mut consumer = builder.described().open_receiver().unwrap();
        assert_eq!(consumer.pop().unwrap().number, 0);
        assert_eq!(domain.list().unwrap().processes.len(), 1);

        // A full ring that went round: what was overwritten is counted.
        while consumer.try_pop().is_ok() {}
        let mut tail = command("tail shots --json --count 2").spawn().unwrap();
        while domain.list().unwrap().names.is_empty() {}
        for number in 100.. {
            shots.push(shot(number)).unwrap();
            consumer.pop().unwrap();
            if tail.try_wait().unwrap().is_some() {
                break;
            }
            // Without pauses it would read hardly a message of so small a ring, and report what it missed
            // until the pipe, which is read at its end, is full.
            if number % 16 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        assert!(!common::lines(&end(tail).output).is_empty());
    });
}

#[test]
fn kinds_that_cannot_be_read_along_are_refused_by_name() {
    isolated(|| {
        let domain = Domain::open("refused").unwrap();
        let _jobs = call::Builder::<u32, u32>::new("jobs").domain(&domain).create_sender().unwrap();
        let _listener = ipc_ring::control::Builder::new("listener").domain(&domain).bind().unwrap();
        for (name, word) in [("jobs", "call"), ("listener", "no channel")] {
            let ended = run(&format!("tail {name}"));
            assert!(ended.code == Some(2) && ended.errors.contains(word), "{ended:?}");
        }
        assert_eq!(run("tail nothing").code, Some(3));
    });
}

#[test]
fn it_ends_with_the_channel_and_leaves_its_memory() {
    isolated(|| {
        let gate = Gate::new();
        let producer = child(|| {
            let mut producer = spsc::Producer::<u32>::create("numbers").unwrap();
            producer.push(5).unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let mut tail = command("tail numbers --from oldest --json").spawn().unwrap();
        use std::io::BufRead as _;
        let mut output = std::io::BufReader::new(tail.stdout.take().unwrap()).lines();
        assert!(output.next().unwrap().unwrap().contains("\"hex\":\"05000000\""));
        producer.kill();
        assert!(output.next().is_none());
        let ended = end(tail);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.errors.contains("any more"), "{ended:?}");
        for finding in ipc_ring::gc::examine().unwrap() {
            finding.remove().unwrap();
        }
        assert_eq!(ipc_core::list::segments().unwrap().len(), 0);
    });
}

#[test]
fn a_reader_that_goes_away_and_ctrl_c_end_it() {
    use std::io::BufRead as _;
    isolated(|| {
        let domain = Domain::open("ends").unwrap();
        let mut publisher =
            broadcast::Builder::<u32>::new("numbers").domain(&domain).create_sender().unwrap();
        (0..100).for_each(|number| publisher.push(number).unwrap());
        let mut tail = command("tail numbers --from oldest").spawn().unwrap();
        let mut output = std::io::BufReader::new(tail.stdout.take().unwrap()).lines();
        assert_eq!(output.next().unwrap().unwrap(), "#0 4 bytes");
        drop(output);
        // It notices when it writes.
        while tail.try_wait().unwrap().is_none() {
            publisher.push(7).unwrap();
        }
        assert_eq!(end(tail).code, Some(0));
        let tail = command("tail numbers").spawn().unwrap();
        let status = || std::fs::read_to_string(format!("/proc/{}/maps", tail.id())).unwrap_or_default();
        common::core::until(|| status().contains("SYSV"));
        let pid = nix::unistd::Pid::from_raw(tail.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert_eq!(end(tail).code, Some(130));
    });
}
