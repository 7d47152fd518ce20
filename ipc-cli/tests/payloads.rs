//! Payloads in pools are recorded with the messages that name them, replayed into blocks, and shown.

mod common;

use common::core::namespace::isolated;
use common::recording::{Message, Recorder, directory, missed, of, read};
use common::{command, done, end, json};
use ipc_ring::broadcast::payloads;
use ipc_ring::describe::Describe;
use ipc_ring::pool::{Handle, Loan, Pool, View};
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, broadcast, pool, spsc};
use serde_json::json as value;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Shot/1")]
#[repr(C)]
struct Shot {
    number: u64,
    image: Handle,
    mask: Handle,
}

const NONE: Handle = Handle::from_words([0; 3]);

fn frames(domain: &Domain) -> Pool {
    pool::Builder::new("frames").domain(domain).class(64, 8).class(4096, 12).create().unwrap()
}

fn plain(domain: &Domain) -> spsc::Builder<Handle> {
    spsc::Builder::new("plain").domain(domain).capacity(8)
}

fn shots(domain: &Domain) -> broadcast::Builder<Shot> {
    broadcast::Builder::new("shots").domain(domain).capacity(8).described()
}

/// Bytes that tell which payload they are.
fn bytes(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + number * 31) as u8).collect()
}

fn loan(pool: &Pool, bytes: &[u8]) -> Loan {
    let mut loan = pool.loan(bytes.len()).unwrap();
    loan.write_at(0, bytes).unwrap();
    loan
}

fn shared(pool: &Pool, bytes: &[u8], views: &mut Vec<View>) -> Handle {
    let (view, handle) = loan(pool, bytes).share();
    views.push(view);
    handle
}

/// The payloads of all topics.
fn payloads_of(messages: &[Message]) -> Vec<(String, Vec<u8>)> {
    let mut payloads: Vec<_> = messages
        .iter()
        .filter(|message| message.topic.contains('/') && message.topic != "ipcr/missed")
        .map(|message| (message.topic.clone(), message.data.clone()))
        .collect();
    payloads.sort_by(|one, other| one.0.cmp(&other.0));
    payloads
}

#[test]
fn payloads_are_recorded_replayed_and_recorded_again() {
    isolated(|| {
        let (_directory, file) = directory();
        let again = file.with_file_name("again.mcap");
        {
            let domain = Domain::open("before").unwrap();
            let pool = frames(&domain);
            let mut views = Vec::new();
            let mut plain = plain(&domain).create_sender().unwrap();
            for (number, length) in [5, 60, 4000].into_iter().enumerate() {
                loan(&pool, &bytes(number, length)).send(&mut plain).unwrap();
            }
            let mut shots = shots(&domain).create_sender().unwrap();
            for number in 0..3 {
                let image = shared(&pool, &bytes(number, 1000), &mut views);
                // One shot has no mask.
                let mask = if number == 1 { NONE } else { shared(&pool, &bytes(number, 10), &mut views) };
                shots.push(Shot { number: number as u64, image, mask }).unwrap();
            }
            let mut pictures = payloads::Builder::new("pictures", &pool).capacity(4).create_sender().unwrap();
            for number in 0..2 {
                let mut picture = pictures.loan(500).unwrap();
                picture.write_at(0, &bytes(number, 500)).unwrap();
                pictures.push(picture).unwrap();
            }
            let arguments = "record plain shots pictures --from oldest --count 8 --json --output";
            let lines = common::lines(&done(&format!("{arguments} {}", file.display())));
            let recorded = |channel: &str| {
                let line = lines.iter().find(|line| line["type"] == "recorded" && line["channel"] == channel);
                let line = line.unwrap_or_else(|| panic!("{channel}: {lines:?}"));
                [&line["messages"], &line["bytes"], &line["missed"]].map(|number| number.as_u64().unwrap())
            };
            assert_eq!(recorded("plain/payload"), [3, 4065, 0]);
            assert_eq!(recorded("shots/image"), [3, 3000, 0]);
            assert_eq!(recorded("shots/mask"), [2, 20, 0]);
            assert_eq!(recorded("pictures/payload"), [2, 1000, 0]);
        }
        let recorded = read(&file);
        let images = of(&recorded, "shots/image");
        for (number, image) in images.iter().enumerate() {
            assert_eq!((image.encoding.as_str(), image.sequence), ("ipcr/raw", number as u32));
            assert_eq!(image.data, bytes(number, 1000));
            assert_eq!(image.metadata["ipcr.pool"], "frames");
            assert_eq!(image.metadata["ipcr.pool_classes"], "64x8 4096x12");
            assert_eq!(image.metadata["ipcr.handle_offset"], "8");
            let message = of(&recorded, "shots")[number];
            assert_eq!((message.log_time, message.sequence), (image.log_time, image.sequence));
        }
        let masks: Vec<_> = of(&recorded, "shots/mask").iter().map(|mask| mask.sequence).collect();
        assert_eq!(masks, [0, 2]);

        // Nothing is left: the replay makes the pool and the channels, in another domain.
        let domain = Domain::open("after").unwrap();
        let recorder = Recorder::start("--all --domain after", &again, 0);
        common::core::until(|| again.exists());
        let replay = format!("replay {} --domain after --delay 1s --as-fast-as-possible", file.display());
        let replay = command(&replay).spawn().unwrap();
        common::core::until(|| domain.list().unwrap().names.len() == 4);
        let pool = frames(&domain);
        let mut plain = plain(&domain).open_receiver().unwrap();
        let mut shots = shots(&domain).open_receiver().unwrap();
        let mut pictures = payloads::Builder::new("pictures", &pool).open_receiver().unwrap();
        // Kept until the recorder has read them: a block that is given back may be lent to the next payload.
        let mut kept = Vec::new();
        let mut keep = |view: pool::View, expected: Vec<u8>| {
            assert_eq!(view.to_vec().unwrap(), expected);
            kept.push(view);
        };
        for (number, length) in [5, 60, 4000].into_iter().enumerate() {
            keep(pool.receive(&mut plain).unwrap(), bytes(number, length));
        }
        for number in 0..3 {
            let shot = shots.pop().unwrap();
            assert_eq!(shot.number, number as u64);
            keep(pool.accept(&shot.image).unwrap(), bytes(number, 1000));
            match number {
                1 => assert_eq!(shot.mask, NONE),
                _ => keep(pool.accept(&shot.mask).unwrap(), bytes(number, 10)),
            }
        }
        for number in 0..2 {
            keep(pictures.pop().unwrap(), bytes(number, 500));
        }
        let replayed = end(replay);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        recorder.interrupt();
        drop(kept);
        let again = read(&again);
        assert_eq!(payloads_of(&again), payloads_of(&recorded));
        assert_eq!(missed(&again), 0);
    });
}

#[test]
fn payloads_that_went_are_counted_and_their_messages_are_not_replayed() {
    isolated(|| {
        let (_directory, file) = directory();
        let domain = Domain::open("default").unwrap();
        let pool = pool::Builder::new("frames").domain(&domain).class(64, 1).create().unwrap();
        let mut producer = plain(&domain).create_sender().unwrap();
        let mut consumer = plain(&domain).open_receiver().unwrap();
        for number in 0..3 {
            loan(&pool, &bytes(number, 20)).send(&mut producer).unwrap();
            pool.receive(&mut consumer).unwrap();
        }
        let record = |options: &str, file: &std::path::Path| {
            let arguments = format!("record plain --from oldest --count 3 {options} --output");
            done(&format!("{arguments} {}", file.display()))
        };
        let told = record("", &file);
        assert!(
            told.contains("\"plain/payload\" in domain \"default\": 1 message, 20 B, missed 2"),
            "{told}"
        );
        let recorded = read(&file);
        assert_eq!(missed(&recorded), 2, "each once");
        assert!(
            of(&recorded, "ipcr/missed")
                .iter()
                .all(|one| one.data.windows(13).any(|part| part == b"plain/payload"))
        );
        let payloads = of(&recorded, "plain/payload");
        assert_eq!((payloads.len(), payloads[0].sequence), (1, 2));
        assert_eq!(payloads[0].data, bytes(2, 20));

        let plain_file = file.with_file_name("without.mcap");
        record("--without-payloads", &plain_file);
        assert!(payloads_of(&read(&plain_file)).is_empty());

        let replay = format!("replay {} --remap plain=again --remap frames=more", file.display());
        let replayed = common::run(&replay);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        assert!(replayed.errors.contains("left out of \"again\": 2 messages"), "{replayed:?}");
        assert!(replayed.output.contains("replayed 1 message to \"again\""), "{replayed:?}");

        // A recorder in the place of a receiver would keep the blocks.
        let seat = format!("record --seat plain --output {}", file.with_file_name("seat.mcap").display());
        let refused = common::run(&seat);
        assert!(refused.code == Some(2) && refused.errors.contains("handles of blocks"), "{refused:?}");
    });
}

#[test]
fn tail_shows_payloads() {
    isolated(|| {
        let domain = Domain::open("tail").unwrap();
        let pool = pool::Builder::new("frames").domain(&domain).class(64, 1).create().unwrap();
        let mut producer = plain(&domain).create_sender().unwrap();
        let mut consumer = plain(&domain).open_receiver().unwrap();
        for text in ["gone", "twenty bytes of text"] {
            loan(&pool, text.as_bytes()).send(&mut producer).unwrap();
            pool.receive(&mut consumer).unwrap();
        }
        let shown = done("tail plain --from oldest --count 2");
        assert!(shown.contains("payload: 20 bytes in pool \"frames\"\n"), "{shown}");
        assert!(shown.contains("|twenty bytes of |"), "{shown}");
        assert!(shown.contains("payload: 4 bytes, missed: the handle is out of date"), "{shown}");
        let lines = json("tail plain --from oldest --count 2 --bytes 6");
        let payload = &lines[1]["payloads"][0];
        assert_eq!((&payload["pool"], &payload["length"]), (&value!("frames"), &value!(20)));
        assert_eq!((&payload["hex"], &payload["error"]), (&value!("7477656e7479"), &value!(null)));
        let payload = &lines[0]["payloads"][0];
        assert_eq!((&payload["pool"], &payload["hex"]), (&value!(null), &value!(null)));
    });
}
