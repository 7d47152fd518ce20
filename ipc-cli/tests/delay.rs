//! `ipcr delay` measures ages by a field, by the time of a value, or by its own looks.

mod common;

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use common::core::namespace::isolated;
use common::{command, end, lines, run};
use ipc_ring::describe::Describe;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, broadcast, bytes, call, latest, spsc};
use serde_json::{Value, json as value};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe", name = "test.Timed/1")]
#[repr(C)]
struct Timed {
    number: u64,
    time_ns: u64,
    sent_mono_us: u64,
    sent_wall_ms: u64,
    sent_unix: f64,
    sent_mono_s: u64,
}

/// Half a second, in nanoseconds.
const AGO: u64 = 500_000_000;

/// Half a second old by both clocks.
fn timed(number: u64) -> Timed {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let (wall, monotonic) = (wall.as_nanos() as u64 - AGO, latest::now_ns() - AGO);
    Timed {
        number,
        time_ns: wall,
        sent_mono_us: monotonic / 1_000,
        sent_wall_ms: wall / 1_000_000,
        sent_unix: wall as f64 / 1e9,
        sent_mono_s: monotonic / 1_000_000_000,
    }
}

/// Runs it with `--count 1` while messages come; gives its line of JSON, and its lines for people.
fn measured(arguments: &str, mut send: impl FnMut()) -> (Value, String) {
    let mut of = |json: &str| {
        let mut child =
            command(&format!("delay {arguments} --interval 300ms --count 1 {json}")).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            send();
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = end(child);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.output
    };
    (lines(&of("--json")).remove(0), of(""))
}

#[test]
fn a_field_with_a_time_says_how_old_a_message_is() {
    isolated(|| {
        let domain = Domain::open("ages").unwrap();
        let builder = spsc::Builder::<Timed>::new("timed").domain(&domain).described();
        let (mut producer, mut consumer) =
            (builder.create_sender().unwrap(), builder.open_receiver().unwrap());
        let mut send = || {
            producer.push(timed(1)).unwrap();
            consumer.pop().unwrap();
        };
        let (line, shown) = measured("timed", &mut send);
        assert_eq!(
            (&line["type"], &line["from"], &line["field"]),
            (&value!("delay"), &value!("field"), &value!("time_ns"))
        );
        assert_eq!((&line["clock"], &line["ahead"]), (&value!("realtime"), &value!(0)));
        assert!(line["messages"].as_u64().unwrap() > 0, "{line}");
        // Not younger than it was made. The histogram has two digits.
        assert!(line["min_ns"].as_u64().unwrap() >= AGO * 98 / 100, "{line}");
        assert!(
            line["min_ns"].as_u64() <= line["p50_ns"].as_u64()
                && line["p50_ns"].as_u64() <= line["max_ns"].as_u64()
        );
        let mut shown = shown.lines();
        let title = "age by the field time_ns: nanoseconds, clock realtime by its value in the first message";
        assert_eq!(shown.next(), Some(title));
        assert!(shown.next().unwrap().contains(" messages, age p50 "));

        for (field, unit, clock, resolution_ns) in [
            ("sent_mono_us", "microseconds", "monotonic", 1_000),
            ("sent_wall_ms", "milliseconds", "realtime", 1_000_000),
            ("sent_unix", "seconds", "realtime", 1_000),
            ("sent_mono_s", "seconds", "monotonic", 1_000_000_000),
        ] {
            let began = Instant::now();
            let (line, shown) = measured(&format!("timed --field {field}"), &mut send);
            let passed = began.elapsed().as_nanos() as u64;
            assert_eq!((&line["clock"], &line["field"]), (&value!(clock), &value!(field)));
            let title = format!("age by the field {field}: {unit}, clock {clock} by its name\n");
            assert!(shown.starts_with(&title), "{shown}");
            let [least, most] = ["min_ns", "max_ns"].map(|age| line[age].as_u64().unwrap());
            assert!(least >= AGO * 98 / 100, "{line}");
            // Nor older than the test has taken: it sent all of them itself.
            assert!(most <= (AGO + resolution_ns + passed) * 102 / 100, "{line} in {passed} ns");
        }

        // A wrong clock is no age.
        let (line, shown) = measured("timed --field time_ns --clock monotonic", &mut send);
        assert_eq!((&line["messages"], &line["p50_ns"]), (&value!(0), &Value::Null));
        assert!(line["ahead"].as_u64().unwrap() > 0, "{line}");
        assert!(shown.contains("with a time ahead of the clock"), "{shown}");

        for (arguments, code, word) in [
            ("timed --field nothing", 2, "no number \"nothing\"; they have number, time_ns"),
            ("nothing", 3, "no channel"),
        ] {
            let ended = run(&format!("delay {arguments}"));
            assert!(ended.code == Some(code) && ended.errors.contains(word), "{ended:?}");
        }
        // A number that no clock shows.
        let mut child = command("delay timed --field number").spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            send();
        }
        let ended = end(child);
        assert!(ended.code == Some(2) && ended.errors.contains("near no clock"), "{ended:?}");
    });
}

#[test]
fn without_a_field_it_is_the_time_of_a_value_or_a_bound() {
    isolated(|| {
        let domain = Domain::open("bounds").unwrap();
        let mut values = latest::Builder::<u32>::new("values").domain(&domain).create_sender().unwrap();
        let (line, shown) = measured("values", || _ = values.publish(7).unwrap());
        assert_eq!(
            (&line["from"], &line["field"], &line["clock"]),
            (&value!("published"), &Value::Null, &Value::Null)
        );
        assert!(line["messages"].as_u64().unwrap() > 0 && line["ahead"] == 0, "{line}");
        assert!(shown.starts_with("age by the time that the writer stores"), "{shown}");

        let mut news = broadcast::Builder::<u32>::new("news").domain(&domain).create_sender().unwrap();
        let (line, shown) = measured("news", || news.push(7).unwrap());
        assert_eq!(line["from"], "last_seen");
        assert!(line["messages"].as_u64().unwrap() > 0, "{line}");
        assert!(shown.contains(" messages, age at most p50 "), "{shown}");

        let mut frames = bytes::Builder::new("frames").domain(&domain).create_sender().unwrap();
        let (line, _) = measured("frames", || _ = frames.try_push(b"seven"));
        assert!(line["from"] == "last_seen" && line["messages"].as_u64().unwrap() > 0, "{line}");

        let _jobs = call::Builder::<u32, u32>::new("jobs").domain(&domain).create_sender().unwrap();
        for (arguments, word) in [("jobs", "call"), ("news --field time", "no description")] {
            let ended = run(&format!("delay {arguments}"));
            assert!(ended.code == Some(2) && ended.errors.contains(word), "{ended:?}");
        }
    });
}

#[test]
fn it_ends_with_the_channel() {
    isolated(|| {
        let domain = Domain::open("ends").unwrap();
        let news = broadcast::Builder::<u32>::new("news").domain(&domain).create_sender().unwrap();
        let mut measuring = command("delay news --interval 10ms").spawn().unwrap();
        let mut first = String::new();
        let output = measuring.stdout.as_mut().unwrap();
        std::io::BufReader::new(output).read_line(&mut first).unwrap();
        assert_eq!(first, "0 messages\n");
        drop(news);
        let ended = end(measuring);
        assert!(ended.code == Some(0) && ended.errors.contains("no process has channel"), "{ended:?}");
    });
}
