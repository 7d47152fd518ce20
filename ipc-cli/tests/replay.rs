//! `ipcr replay` sends what was recorded, to channels as they were, or not at all.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::recording::{Message, Recorder, directory, of, read};
use common::{Ended, command, done, end, json, run};
use ipc_ring::broadcast::{Mode, frames};
use ipc_ring::control::{ChannelInfo, Named};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, broadcast, bytes, latest, mpmc, spsc};
use nix::sys::signal::{Signal, kill};
use serde_json::json as value;

#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct Shot {
    number: u32,
    angle: f32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct Faster {
    number: u32,
    speed: f32,
}

fn shots(domain: &Domain) -> spsc::Builder<Shot> {
    spsc::Builder::new("shots").domain(domain).capacity(64).described()
}

/// Records what is in all channels now, by tap or by seat.
fn record(arguments: &str, file: &Path, messages: usize) {
    let output = file.display();
    done(&format!("record {arguments} --from oldest --count {messages} --output {output}"));
}

fn channel(domain: &Domain, name: &str) -> ChannelInfo {
    let Some(Named::Channel(channel)) = domain.look_up(name).unwrap().map(|info| info.what) else {
        panic!("{name}")
    };
    channel
}

fn refused(ended: &Ended, code: i32, word: &str) {
    assert!(ended.code == Some(code) && ended.output.is_empty() && ended.errors.contains(word), "{ended:?}");
}

/// Topics with their messages, without what depends on the run.
fn contents(messages: &[Message]) -> Vec<(String, Vec<u8>)> {
    let mut contents: Vec<_> =
        messages.iter().map(|message| (message.topic.clone(), message.data.clone())).collect();
    // Stable: the messages of a topic stay in their order.
    contents.sort_by(|one, other| one.0.cmp(&other.0));
    contents
}

#[test]
fn channels_of_every_kind_come_back_as_they_were() {
    isolated(|| {
        let (_directory, file) = directory();
        let again = file.with_file_name("again.mcap");
        {
            let domain = Domain::open("before").unwrap();
            let mut shots = shots(&domain).create_sender().unwrap();
            let jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).described();
            let mut jobs = jobs.create_sender().unwrap();
            let plain = broadcast::Builder::<[u8; 3]>::new("plain").domain(&domain).mode(Mode::Gated);
            let mut plain = plain.capacity(32).create_sender().unwrap();
            let mut texts = bytes::Builder::new("texts").domain(&domain).create_sender().unwrap();
            let frames = frames::Builder::new("frames").domain(&domain).description("any text");
            let mut frames = frames.create_sender().unwrap();
            let joints = latest::TableBuilder::<f32>::new("joints").domain(&domain).keys(3).described();
            let mut joints = joints.create_sender().unwrap();
            for number in 0..5 {
                shots.push(Shot { number, angle: -0.5 }).unwrap();
                jobs.push(number).unwrap();
                plain.push([number as u8; 3]).unwrap();
                texts.push(&vec![b'x'; number as usize]).unwrap();
                frames.push(&vec![b'y'; 1000 * number as usize]).unwrap();
            }
            for key in 0..3 {
                joints.publish(key, key as f32).unwrap();
            }
            record("shots plain frames joints --seat jobs --seat texts", &file, 28);
        }
        let recorded = read(&file);
        // No channel is left: the replay makes them, in another domain.
        let domain = Domain::open("after").unwrap();
        let recorder = Recorder::start("--all --domain after", &again, 0);
        common::core::until(|| again.exists());
        let replay = format!("replay {} --domain after --delay 1s --json", file.display());
        let replay = command(&replay).spawn().unwrap();
        common::core::until(|| domain.list().unwrap().names.len() == 6);
        // Consumers take what the recorder reads along.
        let jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).described();
        let mut jobs = jobs.open_receiver().unwrap();
        let mut texts = bytes::Builder::new("texts").domain(&domain).open_receiver().unwrap();
        let shape = channel(&domain, "shots");
        assert_eq!((shape.kind_name(), shape.capacity), ("spsc", 64));
        assert!(shape.description.unwrap().contains("test.Shot/1"));
        let plain = channel(&domain, "plain");
        assert_eq!((plain.capacity, plain.type_name.as_deref()), (32, Some("[u8;3]")));
        assert_eq!(plain.fingerprint, ipc_ring::Fingerprint::of::<[u8; 3]>());
        let observer = ipc_ring::observe::DomainObserver::open("after").unwrap();
        assert_eq!(broadcast::Observer::open_in(&observer, "plain").unwrap().mode(), Mode::Gated);
        assert_eq!(channel(&domain, "frames").description.as_deref(), Some("any text"));
        assert_eq!(channel(&domain, "joints").capacity, 3);

        let replayed = end(replay);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        let told = common::lines(&replayed.output);
        assert_eq!((&told[0]["messages"], told.len()), (&value!(28), 7), "{told:?}");
        assert!((0..5).all(|number| jobs.pop().unwrap() == number));
        assert!((0..5).all(|number| texts.pop().unwrap() == vec![b'x'; number]));
        recorder.interrupt();
        let again = read(&again);
        assert_eq!(contents(&again), contents(&recorded));
        let shape = |messages: &[Message]| of(messages, "shots")[0].schema.clone();
        assert_eq!(shape(&again), shape(&recorded));
    });
}

#[test]
fn times_are_kept_scaled_or_left_out_and_parts_can_be_chosen() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let (_directory, file) = directory();
        let mut shots = shots(&domain).create_sender().unwrap();
        let mut other = broadcast::Builder::<u32>::new("other").domain(&domain).create_sender().unwrap();
        let recorder = Recorder::start("shots other", &file, 2);
        for number in 0..5 {
            shots.push(Shot { number, angle: 0.0 }).unwrap();
            other.push(number).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(shots);
        drop(other);
        assert_eq!(recorder.end().code, Some(0));
        let messages = read(&file);
        let times: Vec<_> = of(&messages, "shots").iter().map(|message| message.log_time).collect();
        let length = Duration::from_nanos(messages.last().unwrap().log_time - messages[0].log_time);
        let file = file.display();

        // The channel is there, and so is its consumer.
        let mut consumer = self::shots(&domain).create_receiver().unwrap();
        let mut replay = |options: &str| {
            let begun = Instant::now();
            let told = json(&format!("replay {file} {options}"));
            let took = begun.elapsed();
            let mut numbers = Vec::new();
            while let Ok(shot) = consumer.try_pop() {
                numbers.push(shot.number);
            }
            (numbers, took, told)
        };
        let (numbers, took, told) = replay("");
        assert!(took >= length && told[0]["messages"] == value!(10), "{took:?} {length:?} {told:?}");
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        let since = |number: usize| format!("{}ns", times[number] - messages[0].log_time);
        let (numbers, took, _) = replay(&format!("shots --rate 0.5 --to {}", since(3)));
        assert!(took >= 2 * Duration::from_nanos(times[2] - times[0]), "{took:?}");
        assert_eq!(numbers, [0, 1, 2]);
        let (numbers, ..) = replay(&format!("shots --as-fast-as-possible --from {} --loop 2", since(2)));
        assert_eq!(numbers, [2, 3, 4, 2, 3, 4]);
        let since = humantime::format_rfc3339_nanos(std::time::UNIX_EPOCH + Duration::from_nanos(times[4]));
        assert_eq!(replay(&format!("shots --paced --from {since}")).0, [4]);

        let mut renamed = broadcast::Builder::<u32>::new("new").domain(&domain).create_receiver().unwrap();
        let told = done(&format!("replay {file} other --remap other=new --rate 100"));
        assert!(told.ends_with("replayed 5 messages to \"new\" in domain \"default\"\n"), "{told}");
        assert!((0..5).all(|number| renamed.pop().unwrap() == number));

        for (options, code, word) in [
            ("nothing", 3, "its channels: \"other\", \"shots\""),
            ("--from 1h", 3, "nothing to replay"),
            ("--rate 0", 2, "above 0"),
            ("--rate 2 --paced", 2, "cannot be used with"),
            ("--remap other=shots", 5, "two types"),
        ] {
            refused(&run(&format!("replay {file} {options}")), code, word);
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let (directory, file) = directory();
        let mut shots = shots(&domain).create_sender().unwrap();
        let mut plain = broadcast::Builder::<u32>::new("a").domain(&domain).create_sender().unwrap();
        (0..3).for_each(|number| shots.push(Shot { number, angle: 0.0 }).unwrap());
        plain.push(7).unwrap();
        record("--all", &file, 4);
        let file = file.display();

        // The sender is alive.
        drop(plain);
        refused(&run(&format!("replay {file}")), 5, "shots");
        drop(shots);
        let published = || {
            let observer = ipc_ring::observe::DomainObserver::open("default").unwrap();
            broadcast::Observer::open_in(&observer, "a").map_or(0, |observer| observer.counters().published)
        };
        assert_eq!(published(), 0);

        // Another field; another type without fields.
        let faster = spsc::Builder::<Faster>::new("shots").domain(&domain).described();
        let faster = faster.create_receiver().unwrap();
        let ended = run(&format!("replay {file} shots"));
        refused(&ended, 5, "angle");
        assert!(ended.errors.contains("speed"), "{ended:?}");
        drop(faster);
        let float = broadcast::Builder::<f32>::new("a").domain(&domain).create_receiver().unwrap();
        refused(&run(&format!("replay {file} a")), 5, "f32");
        drop(float);

        // No recording, and one of others.
        let other = directory.path().join("other.mcap");
        std::fs::write(&other, "no recording").unwrap();
        refused(&run(&format!("replay {}", other.display())), 1, "not an MCAP file");
        refused(&run("replay nothing.mcap"), 3, "nothing.mcap");
        let mut writer = mcap::Writer::new(std::fs::File::create(&other).unwrap()).unwrap();
        let id = writer.add_channel(0, "/chatter", "cdr", &Default::default()).unwrap();
        let header =
            mcap::records::MessageHeader { channel_id: id, sequence: 0, log_time: 1, publish_time: 1 };
        writer.write_to_known_channel(&header, &[0, 1, 0, 0]).unwrap();
        writer.finish().unwrap();
        refused(&run(&format!("replay {}", other.display())), 3, "not recorded by ipcr");
    });
}

#[test]
fn a_full_channel_ends_the_replay_and_a_dead_subscriber_does_not() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let (_directory, file) = directory();
        let small = spsc::Builder::<u32>::new("small").domain(&domain).capacity(4);
        let mut producer = small.create_sender().unwrap();
        let mut consumer = small.open_receiver().unwrap();
        let gated = broadcast::Builder::<u32>::new("gated").domain(&domain).capacity(4).mode(Mode::Gated);
        let mut publisher = gated.create_sender().unwrap();
        let recorder = Recorder::start("small --seat gated", &file, 2);
        for number in 0..10 {
            producer.push(number).unwrap();
            consumer.pop().unwrap();
            publisher.push(number).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        drop((producer, consumer, publisher));
        assert_eq!(recorder.end().code, Some(0));
        let file = file.display();

        let ended = run(&format!("replay {file} small --timeout 50ms"));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains("no room for 50ms"), "{ended:?}");
        assert!(ended.errors.contains("4 of 10 messages were sent"), "{ended:?}");

        let gate = Gate::new();
        let subscriber = child(|| {
            let subscriber = broadcast::Builder::<u32>::new("gated").mode(Mode::Gated).capacity(4);
            let _subscriber = subscriber.create_receiver().unwrap();
            gate.open();
            std::thread::sleep(Duration::from_secs(600));
        });
        gate.pass();
        let mut alive = gated.open_receiver().unwrap();
        subscriber.kill();
        let replay = command(&format!("replay {file} gated --timeout 600s")).spawn().unwrap();
        assert!((0..10).all(|number| alive.pop().unwrap() == number));
        assert_eq!(end(replay).code, Some(0));

        // Ctrl-C ends a wait.
        let waiting = command(&format!("replay {file} small --timeout 600s")).spawn().unwrap();
        common::core::until(|| domain.look_up("small").unwrap().is_some());
        kill(nix::unistd::Pid::from_raw(waiting.id().cast_signed()), Signal::SIGINT).unwrap();
        let ended = end(waiting);
        assert!(ended.code == Some(130) && ended.output.contains("replayed"), "{ended:?}");
    });
}
