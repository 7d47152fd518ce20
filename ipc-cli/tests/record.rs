//! `ipcr record` writes what was in the channels, and knows what it has not read.

mod common;

use common::core::namespace::isolated;
use common::recording::{Recorder, directory, missed, of, read};
use common::{json, lines, run};
use ipc_ring::broadcast::{Mode, frames};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, broadcast, bytes, latest, mpmc, pool, spsc};
use nix::sys::signal::Signal;
use serde_json::{Value, json as value};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct Shot {
    time_ns: u64,
    number: u32,
    angle: f32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct OtherShot {
    time_ns: u64,
    number: u32,
    speed: f32,
}

fn shot(number: u32) -> Shot {
    Shot { time_ns: 1_000_000 + u64::from(number), number, angle: 0.5 }
}

/// The line of a channel at the end.
fn recorded<'a>(lines: &'a [Value], channel: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["type"] == "recorded" && line["channel"] == channel);
    found.unwrap_or_else(|| panic!("{channel} in {lines:?}"))
}

#[test]
fn messages_of_every_kind_that_can_be_read_along_are_in_the_file() {
    isolated(|| {
        let domain = Domain::open("kinds").unwrap();
        let (_directory, file) = directory();
        let mut shots =
            spsc::Builder::<Shot>::new("shots").domain(&domain).described().create_sender().unwrap();
        let mut plain = broadcast::Builder::<[u8; 20]>::new("plain").domain(&domain).create_sender().unwrap();
        let mut texts =
            frames::Builder::new("texts").domain(&domain).description("UTF-8").create_sender().unwrap();
        let table = latest::TableBuilder::<f32>::new("joints").domain(&domain).keys(3).described();
        let mut joints = table.create_sender().unwrap();
        let one = latest::Builder::<u64>::new("one").domain(&domain);
        let mut one = one.create_sender().unwrap();
        (0..5).for_each(|number| shots.push(shot(number)).unwrap());
        plain.push(*b"twenty bytes of text").unwrap();
        ["a", "", "ccc"].iter().for_each(|text| texts.push(text.as_bytes()).unwrap());
        joints.publish(2, 1.5).unwrap();
        one.publish(7).unwrap();

        let arguments =
            format!("record --all --from oldest --time-field time_ns --count 11 --output {}", file.display());
        let told = json(&arguments);
        let messages = read(&file);
        assert_eq!(messages.len(), 11);
        assert_eq!(recorded(&told, "shots")["messages"], value!(5));
        assert_eq!(told.iter().filter(|line| line["type"] == "file").count(), 1);

        let found = of(&messages, "shots");
        for (number, message) in found.iter().enumerate() {
            let bytes = [&[0, 1, 0, 0], shot(number as u32).as_bytes()].concat();
            assert_eq!((message.sequence, &message.data), (number as u32, &bytes));
            assert_eq!((message.encoding.as_str(), message.publish_time), ("cdr", 1_000_000 + number as u64));
        }
        let (name, text) = found[0].schema.as_ref().unwrap();
        assert_eq!(name, "test/msg/Shot");
        assert_eq!(text, "uint64 time_ns\nuint32 number\nfloat32 angle\n");
        let metadata = &found[0].metadata;
        assert_eq!((&*metadata["ipcr.kind"], &*metadata["ipcr.domain"]), ("spsc", "kinds"));
        assert_eq!(metadata["ipcr.type"], "test.Shot/1");
        assert_eq!(metadata["ipcr.capacity"], "1024");

        let plain = of(&messages, "plain")[0];
        assert_eq!(
            (&*plain.encoding, &plain.schema, &plain.data[..]),
            ("ipcr/raw", &None, &b"twenty bytes of text"[..])
        );
        assert_eq!((&*plain.metadata["ipcr.type"], &*plain.metadata["ipcr.mode"]), ("[u8;20]", "lossy"));
        assert_eq!(plain.publish_time, plain.log_time);
        let texts: Vec<_> = of(&messages, "texts").iter().map(|message| message.data.clone()).collect();
        assert_eq!(texts, [&b"a"[..], b"", b"ccc"]);
        let joint = of(&messages, "joints[2]")[0];
        assert_eq!((&*joint.metadata["ipcr.key"], &joint.data[4..]), ("2", &1.5_f32.to_le_bytes()[..]));
        let one = of(&messages, "one")[0];
        assert_eq!((one.sequence, &one.data[..]), (1, &7_u64.to_le_bytes()[..]));
        assert!(messages.windows(2).all(|pair| pair[0].log_time <= pair[1].log_time));
        assert_eq!(missed(&messages), 0);
        // It took part in nothing.
        assert_eq!(domain.list().unwrap().processes.len(), 1);
    });
}

#[test]
fn kinds_that_cannot_be_read_along_are_told_and_have_a_seat_taken_only_on_request() {
    isolated(|| {
        let domain = Domain::open("seats").unwrap();
        let (_directory, file) = directory();
        let mut jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).create_sender().unwrap();
        let mut texts = bytes::Builder::new("texts").domain(&domain).create_sender().unwrap();
        let _pool = pool::Builder::new("pool").class(64, 4).domain(&domain).create().unwrap();
        let gated = broadcast::Builder::<u32>::new("gated").domain(&domain).capacity(2).mode(Mode::Gated);
        let mut gated = gated.create_sender().unwrap();
        let output = file.display();
        let ended = run(&format!("record pool --output {output}"));
        assert!(ended.code == Some(2) && ended.errors.contains("handles"), "{ended:?}");
        assert!(!file.exists());
        assert_eq!(run(&format!("record nothing --output {output}")).code, Some(3));

        let mut recorder = Recorder::start("--all", &file, 2);
        assert!(recorder.until("not_recorded").contains("pool"));
        recorder.interrupt();
        std::fs::remove_file(&file).unwrap();

        (0..3).for_each(|number| jobs.push(number).unwrap());
        texts.push(b"frame").unwrap();
        let recorder = Recorder::start("--seat jobs --seat texts --seat gated --count 104", &file, 3);
        // With room for two messages: the publisher waits for the recorder.
        (0..100).for_each(|number| gated.push(number).unwrap());
        let ended = recorder.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let messages = read(&file);
        let numbers = |topic| {
            let number = |data: &Vec<u8>| u32::from_le_bytes(data[..].try_into().unwrap());
            of(&messages, topic).iter().map(|message| number(&message.data)).collect::<Vec<_>>()
        };
        assert_eq!((numbers("jobs"), missed(&messages)), (vec![0, 1, 2], 0));
        assert!(numbers("gated").into_iter().eq(0..100));
        assert_eq!(of(&messages, "texts")[0].data, b"frame");
        let mut consumer = mpmc::Builder::<u32>::new("jobs").domain(&domain).open_receiver().unwrap();
        assert!(consumer.try_pop().is_err(), "they were taken away");
    });
}

#[test]
fn files_follow_one_another_without_a_gap() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let (directory, file) = directory();
        let numbers = broadcast::Builder::<[u64; 32]>::new("numbers").domain(&domain).mode(Mode::Gated);
        let mut numbers = numbers.create_sender().unwrap();
        let recorder = Recorder::start("--seat numbers --max-size 3M", &file, 1);
        for number in 0..40_000 {
            let mut message = [0; 32];
            message[0] = number;
            numbers.push(message).unwrap();
        }
        numbers.close();
        let ended = recorder.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let told = lines(&ended.output);
        let files: Vec<_> = told.iter().filter(|line| line["type"] == "file").collect();
        assert!(files.len() >= 3, "{files:?}");
        assert_eq!(files[1]["file"], value!(directory.path().join("run.1.mcap").to_str().unwrap()));
        let mut next = 0;
        for line in &files {
            let messages = read(line["file"].as_str().unwrap().as_ref());
            assert_eq!(line["messages"], value!(messages.len()));
            for message in messages {
                assert_eq!(message.data[..8], u64::to_le_bytes(next));
                next += 1;
            }
        }
        assert_eq!(next, 40_000);

        // By time, and not over a file that is there.
        let mut values = latest::Builder::<u64>::new("values").domain(&domain).create_sender().unwrap();
        let ended = run(&format!("record values --output {}", file.display()));
        assert!(ended.code == Some(5) && ended.errors.contains("exists"), "{ended:?}");
        let other = directory.path().join("other.mcap");
        std::fs::write(directory.path().join("other.1.mcap"), "taken").unwrap();
        let recorder = Recorder::start("values --max-duration 20ms --compress", &other, 1);
        for number in 0..10 {
            values.publish(number).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let ended = recorder.interrupt();
        assert!(ended.output.contains("other.2.mcap"), "{ended:?}");
        assert_eq!(std::fs::read(directory.path().join("other.1.mcap")).unwrap(), b"taken");
    });
}

#[test]
fn a_channel_that_comes_later_or_is_made_anew_with_other_fields_is_taken_up() {
    isolated(|| {
        let (_directory, file) = directory();
        let keeper = Domain::open("anew").unwrap();
        let mut recorder = Recorder::start("--all", &file, 0);
        common::core::until(|| file.exists());
        let make = |name: &str| spsc::Builder::<Shot>::new(name).domain(&keeper).described();
        let mut shots = make("shots").create_sender().unwrap();
        (0..3).for_each(|number| shots.push(shot(number)).unwrap());
        recorder.until("test/msg/Shot");
        shots.push(shot(3)).unwrap();
        shots.close();
        let other = spsc::Builder::<OtherShot>::new("shots").domain(&keeper).described();
        let mut other = other.create_sender().unwrap();
        other.push(OtherShot { time_ns: 1, number: 4, speed: 2.0 }).unwrap();
        recorder.until("test/msg/Shot");
        // A second domain, which is found by itself.
        let second = Domain::open("second").unwrap();
        let mut plain = broadcast::Builder::<u8>::new("plain").domain(&second).create_sender().unwrap();
        plain.push(9).unwrap();
        recorder.until("\"plain\"");
        let ended = recorder.interrupt();
        let messages = read(&file);
        let shots = of(&messages, "shots");
        assert_eq!(shots.len(), 5, "{ended:?}");
        assert!(shots[3].schema.as_ref().unwrap().1.ends_with("float32 angle\n"));
        assert!(shots[4].schema.as_ref().unwrap().1.ends_with("float32 speed\n"));
        assert_ne!(shots[3].metadata["ipcr.generation"], shots[4].metadata["ipcr.generation"]);
        assert_eq!(of(&messages, "plain")[0].metadata["ipcr.domain"], "second");
    });
}

#[test]
fn a_hundred_channels_go_into_one_file() {
    isolated(|| {
        let domain = Domain::open("hundred").unwrap();
        let (_directory, file) = directory();
        let make = |number| {
            let builder = broadcast::Builder::<u32>::new(&format!("channel-{number}")).domain(&domain);
            builder.described().create_sender().unwrap()
        };
        let mut publishers: Vec<_> = (0..100).map(make).collect();
        let recorder = Recorder::start("--all", &file, 100);
        for number in 0..50 {
            publishers.iter_mut().for_each(|publisher| publisher.push(number).unwrap());
        }
        // What is in the channels when Ctrl-C comes is still read, however much that is.
        recorder.signal(Signal::SIGSTOP);
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", recorder.pid())).unwrap();
        common::core::until(|| stat().contains(") T "));
        for number in 0..900 {
            publishers[0].push(number).unwrap();
        }
        drop(publishers);
        recorder.signal(Signal::SIGINT);
        recorder.signal(Signal::SIGCONT);
        let told = recorder.end();
        assert_eq!(told.code, Some(130), "{told:?}");
        let told = lines(&told.output);
        let messages = read(&file);
        let numbers = of(&messages, "channel-0")
            .into_iter()
            .map(|message| u32::from_le_bytes(message.data[4..].try_into().unwrap()));
        assert!(numbers.eq((0..50).chain(0..900)));
        for number in 1..100 {
            let name = format!("channel-{number}");
            let numbers: Vec<_> = of(&messages, &name).iter().map(|message| message.data[4]).collect();
            assert!(numbers.iter().copied().eq(0..50), "{name}: {numbers:?}");
            assert_eq!(recorded(&told, &name)["messages"], value!(50));
        }
    });
}
