//! What `ipcr` tells of domains and channels, and that it leaves them as they are.

mod common;

use std::time::Duration;

use common::core::children::{Child, Gate, child};
use common::core::namespace::isolated;
use common::core::until;
use common::{command, done, end, json, lines, run};
use ipc_core::{Key, Mode, list};
use ipc_ring::{Domain, Lifetime, broadcast, bytes, gc, mpmc, pool, spsc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json as value};

fn for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(600));
    }
}

fn number_of_objects() -> usize {
    list::segments().unwrap().len() + list::sets().unwrap().len() + list::queues().unwrap().len()
}

/// A child that makes a channel and pushes messages into it, then waits to be killed.
fn producer(name: &'static str, pushes: u64) -> Child {
    let gate = Gate::new();
    let producer = child(|| {
        let mut producer = spsc::Builder::<u64>::new(name).capacity(16).create_sender().unwrap();
        (0..pushes).for_each(|number| producer.push(number).unwrap());
        gate.open();
        for_ever();
    });
    gate.pass();
    producer
}

/// A child that opens it and pops messages.
fn consumer(name: &'static str, pops: u64) -> Child {
    let gate = Gate::new();
    let consumer = child(|| {
        let mut consumer = spsc::Consumer::<u64>::open(name).unwrap();
        (0..pops).for_each(|number| assert_eq!(consumer.pop().unwrap(), number));
        gate.open();
        for_ever();
    });
    gate.pass();
    consumer
}

/// Removes what is left of killed processes.
fn sweep() {
    for finding in gc::examine().unwrap() {
        finding.remove().unwrap();
    }
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn where_there_is_nothing_nothing_is_made() {
    isolated(|| {
        assert!(done("ls").contains("No domain"));
        assert!(json("ls").is_empty());
        for (arguments, code) in [
            ("ls --domain nope", 3),
            ("show nope", 3),
            ("hz nope", 3),
            ("gc", 0),
            ("metrics", 0),
            ("ls --user no-user-of-this-name", 2),
        ] {
            assert_eq!(run(arguments).code, Some(code), "{arguments}");
        }
        assert_eq!(number_of_objects(), 0);
    });
}

#[test]
fn processes_channels_and_counters_are_told() {
    isolated(|| {
        let producer = producer("numbers", 10);
        let consumer = consumer("numbers", 7);
        let before = number_of_objects();
        let lines = json("ls");
        let domain = of_type(&lines, "domain")[0];
        assert_eq!(
            (&domain["domain"], &domain["alive"], &domain["dead"], &domain["channels"]),
            (&value!("default"), &value!(2), &value!(0), &value!(1))
        );
        let mut pids: Vec<_> =
            of_type(&lines, "process").into_iter().map(|line| line["pid"].as_u64().unwrap()).collect();
        pids.sort_unstable();
        let mut expected = [u64::from(producer.pid()), u64::from(consumer.pid())];
        expected.sort_unstable();
        assert_eq!(pids, expected);
        let channel = of_type(&lines, "channel")[0];
        assert_eq!(
            (&channel["channel"], &channel["kind"], &channel["capacity"], &channel["element_bytes"]),
            (&value!("numbers"), &value!("spsc"), &value!(16), &value!(8))
        );
        assert_eq!(channel["ends"].as_array().unwrap().len(), 2);

        let shown = json("show numbers");
        let counter = |name: &str| {
            of_type(&shown, "counter").into_iter().find(|line| line["counter"] == name).unwrap()["value"]
                .as_u64()
                .unwrap()
        };
        assert_eq!((counter("pushed"), counter("popped"), counter("waiting")), (10, 7, 3));
        assert!(
            done("ls").contains("16 messages of 8 B") && done("show numbers").contains("messages taken out")
        );

        assert_eq!(number_of_objects(), before);
        consumer.kill();
        let before = number_of_objects();
        let lines = json("ls");
        assert_eq!(of_type(&lines, "domain")[0]["dead"], 1);
        let ends = of_type(&lines, "channel")[0]["ends"].as_array().unwrap().clone();
        let alive = |role: &str| ends.iter().find(|end| end["role"] == role).unwrap()["alive"].clone();
        assert_eq!((alive("producer"), alive("consumer")), (value!(true), value!(false)));
        assert!(done("ls").contains("dead"));

        // Looking has left nothing, and the channel is as it was.
        assert_eq!(number_of_objects(), before);
        let mut successor = spsc::Consumer::<u64>::open("numbers").unwrap();
        assert_eq!(successor.pop().unwrap(), 7);
        drop(successor);
        producer.kill();
        sweep();
    });
}

#[test]
fn a_process_that_is_stopped_stands_out() {
    isolated(|| {
        let producer = producer("numbers", 1);
        producer.signal(Signal::SIGSTOP);
        until(|| std::fs::read_to_string(format!("/proc/{}/stat", producer.pid())).unwrap().contains(") T "));
        let lines = json("ls");
        assert_eq!(of_type(&lines, "process")[0]["halted"], "stopped");
        let shown = done("ls");
        assert!(shown.contains("stopped"), "{shown}");
        producer.kill();
        sweep();
    });
}

#[test]
fn all_kinds_are_shown() {
    isolated(|| {
        let domain = Domain::open("all-kinds").unwrap();
        let mut spsc = spsc::Builder::<u64>::new("spsc").domain(&domain).create_sender().unwrap();
        let mut bytes = bytes::Builder::new("bytes").domain(&domain).create_sender().unwrap();
        let mut mpmc = mpmc::Builder::<u64>::new("mpmc").domain(&domain).create_sender().unwrap();
        let mut broadcast =
            broadcast::Builder::<u64>::new("broadcast").domain(&domain).create_sender().unwrap();
        let mut frames = broadcast::frames::Builder::new("frames").domain(&domain).create_sender().unwrap();
        let pool = pool::Builder::new("pool").domain(&domain).class(4096, 4).create().unwrap();
        let mut latest =
            ipc_ring::latest::Builder::<u64>::new("latest").domain(&domain).create_sender().unwrap();
        let _listener = ipc_ring::control::Builder::new("listener").domain(&domain).bind().unwrap();
        spsc.push(1).unwrap();
        bytes.push(b"hello").unwrap();
        mpmc.push(1).unwrap();
        broadcast.push(1).unwrap();
        frames.push(b"hello").unwrap();
        latest.publish(1).unwrap();
        let _loan = pool.loan(100).unwrap();
        for name in ["spsc", "bytes", "mpmc"] {
            let shown = json(&format!("show {name}"));
            let of = |counter: &str| {
                shown.iter().find(|line| line["counter"] == counter).unwrap()["value"].clone()
            };
            assert_eq!((of("pushed"), of("popped")), (value!(1), value!(0)), "{name}");
        }
        for name in ["broadcast", "frames"] {
            let shown = json(&format!("show {name}"));
            let pushed = shown.iter().find(|line| line["counter"] == "pushed").unwrap();
            assert_eq!(pushed["value"], 1, "{name}");
        }
        let shown = json("show pool");
        assert_eq!(shown.iter().find(|line| line["counter"] == "blocks_in_use").unwrap()["value"], 1);
        assert!(done("show latest").contains("1 value of 8 B"));
        assert!(done("show listener").contains("msg:"));
        for (name, kind) in [("latest", "latest"), ("pool", "pool")] {
            let ended = run(&format!("hz {name}"));
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.errors.contains(kind), "{ended:?}");
        }
        let table = done("ls --domain all-kinds");
        for kind in ["spsc", "bytes", "mpmc", "broadcast", "broadcast-bytes", "pool", "latest", "listener"] {
            assert!(
                table.lines().any(|line| line.split_whitespace().any(|word| word == kind)),
                "{kind}: {table}"
            );
        }
        let metrics = done("metrics");
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(
                name.starts_with("ipcr_") && name.ends_with('}') && value.parse::<u64>().is_ok(),
                "{line}"
            );
        }
        assert!(
            metrics.contains(
                "ipcr_channel_pushed_total{domain=\"all-kinds\",channel=\"spsc\",kind=\"spsc\"} 1\n"
            ),
            "{metrics}"
        );
        assert!(metrics.contains("ipcr_domain_processes_alive{domain=\"all-kinds\"} 1\n"), "{metrics}");
    });
}

#[test]
fn metrics_files_are_whole() {
    isolated(|| {
        let domain = Domain::open("metrics").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ipcr.prom");
        std::fs::write(&file, "old").unwrap();
        done(&format!("metrics --textfile {}", file.display()));
        assert!(
            std::fs::read_to_string(&file).unwrap().contains("ipcr_domain_names{domain=\"metrics\"} 0\n")
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let ended = run("metrics --textfile /no/such/directory/file");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        drop(domain);
    });
}

#[test]
fn metrics_are_served_on_loopback_only_until_ctrl_c() {
    use std::io::{BufRead as _, Read as _, Write as _};
    isolated(|| {
        let domain = Domain::open("served").unwrap();
        let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
        let mut server = command("metrics --listen 127.0.0.1:0").spawn().unwrap();
        let mut output = std::io::BufReader::new(server.stdout.take().unwrap()).lines();
        let url = output.next().unwrap().unwrap();
        let address = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap().to_owned();
        let ask = |request: &str| {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        for pushed in 1..3 {
            producer.push(7).unwrap();
            let answer = ask("GET /metrics");
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("version=0.0.4"), "{answer}");
            let line = format!(
                "ipcr_channel_pushed_total{{domain=\"served\",channel=\"numbers\",kind=\"spsc\"}} {pushed}\n"
            );
            assert!(answer.contains(&line), "{answer}");
        }
        assert!(ask("GET /").starts_with("HTTP/1.1 404") && ask("POST /metrics").starts_with("HTTP/1.1 405"));
        kill(Pid::from_raw(server.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(server.wait().unwrap().code(), Some(143));
        let ended = run("metrics --listen 0.0.0.0:9464");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains("other machines"), "{ended:?}");
        drop(producer);
    });
}

#[test]
fn rates_are_told_until_ctrl_c_and_no_membership_stays() {
    isolated(|| {
        let gate = Gate::new();
        let producer = child(|| {
            let mut producer =
                spsc::Builder::<u64>::new("numbers").capacity(1 << 16).create_sender().unwrap();
            gate.open();
            loop {
                producer.push(1).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        gate.pass();
        let rates = json("hz numbers --interval 100ms --count 3");
        assert_eq!(rates.len(), 3);
        for rate in &rates {
            assert!(rate["pushed_per_second"].as_f64().unwrap() > 0.0, "{rate}");
            assert_eq!((&rate["popped_per_second"], &rate["capacity"]), (&value!(0.0), &value!(1 << 16)));
            let [messages, bytes] =
                ["pushed_per_second", "bytes_pushed_per_second"].map(|field| rate[field].as_f64().unwrap());
            assert!((bytes - 8.0 * messages).abs() < 1e-6 * bytes, "{rate}");
        }
        assert!(done("bw numbers --interval 50ms --count 1").contains("B/s"));
        use std::io::BufRead as _;
        let mut looking = command("hz numbers --interval 20ms").spawn().unwrap();
        let mut output = std::io::BufReader::new(looking.stdout.take().unwrap()).lines();
        assert!(output.next().unwrap().unwrap().contains("/s"));
        kill(Pid::from_raw(looking.id().cast_signed()), Signal::SIGINT).unwrap();
        while output.next().is_some() {}
        assert_eq!(looking.wait().unwrap().code(), Some(130));
        let lines = json("ls");
        let domain = of_type(&lines, "domain")[0];
        assert_eq!((&domain["alive"], &domain["dead"]), (&value!(1), &value!(0)));
        producer.kill();
        sweep();
    });
}

#[test]
fn an_abandoned_domain_is_left_until_its_removal_is_asked_for() {
    isolated(|| {
        producer("numbers", 1).kill();
        let before = number_of_objects();
        for arguments in ["ls", "metrics"] {
            done(arguments);
            assert_eq!(number_of_objects(), before, "{arguments}");
        }
        let lines = json("ls");
        assert_eq!((&lines[0]["alive"], &lines[0]["dead"]), (&value!(0), &value!(1)));
        assert_eq!((&lines[0]["error"], &lines[1]["alive"]), (&Value::Null, &value!(false)));
        assert!(done("ls").contains("ipcr gc"));
        let ended = run("show numbers");
        assert!(ended.code == Some(3) && ended.errors.contains("no process is alive"), "{ended:?}");
        let doctor = run("doctor --json");
        assert_eq!(doctor.code, Some(4), "{doctor:?}");
        assert!(
            common::lines(&doctor.output)
                .iter()
                .any(|line| line["check"] == "domains" && line["state"] == "problem"),
            "{doctor:?}"
        );
        let ended = run("gc --json");
        assert_eq!((ended.code, number_of_objects()), (Some(5), before), "{ended:?}");
        assert_eq!(lines_of(&ended)[0]["outcome"], "would_remove");
        done("gc --yes");
        assert_eq!(number_of_objects(), 0);
    });
}

fn lines_of(ended: &common::Ended) -> Vec<Value> {
    lines(&ended.output)
}

#[test]
fn persistent_channels_are_kept_unless_they_are_named() {
    isolated(|| {
        let gate = Gate::new();
        let victim = child(|| {
            let builder = spsc::Builder::<u64>::new("kept").lifetime(Lifetime::Persistent);
            builder.create_sender().unwrap().push(7).unwrap();
            gate.open();
            for_ever();
        });
        gate.pass();
        victim.kill();
        done("gc --yes");
        assert_eq!(number_of_objects(), 1);
        assert_eq!(json("gc")[0]["verdict"], "kept");
        done("gc --yes --persistent");
        assert_eq!(number_of_objects(), 0);
    });
}

#[test]
fn names_of_channels_move_no_cursor() {
    isolated(|| {
        let name = "a\x1b[2J\u{9b}\n\u{202e}\"\\";
        let domain = Domain::open("b\x1b[2J").unwrap();
        let _producer = spsc::Builder::<u64>::new(name).domain(&domain).create_sender().unwrap();
        for mut asked in [
            command("ls"),
            command("ls --json"),
            command("show"),
            command("show --json"),
            command("metrics"),
            command("hz --count 1 --interval 1ms"),
        ] {
            if !["ls", "metrics"].iter().any(|word| asked.get_args().next().unwrap() == *word) {
                asked.arg(name);
            }
            let ended = end(asked.spawn().unwrap());
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(
                !ended.output.contains(|character: char| character.is_control() && character != '\n'),
                "{asked:?}: {:?}",
                ended.output
            );
        }
        assert!(json("ls").iter().any(|line| line["channel"] == name));
        let mut missing = command("show");
        let ended = end(missing.arg("no\x1b[2J").spawn().unwrap());
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(!ended.errors.contains('\x1b'), "{ended:?}");
    });
}

#[test]
fn errors_are_explained() {
    for (term, expected) in [
        ("ENOSPC", "SHMMNI"),
        ("28", "ipcr sysv limits"),
        ("eidrm", "removed while"),
        ("semop", "EFBIG"),
        ("peergone", "continues where"),
        ("EBADF", "EBADF, 9"),
    ] {
        let said = done(&format!("explain {term}"));
        assert!(said.contains(expected), "{term}: {said}");
        json(&format!("explain {term}"));
    }
    assert_eq!(run("explain nonsense").code, Some(3));
}

#[test]
fn the_doctor_names_what_is_wrong() {
    isolated(|| {
        let states = |check: &str| -> Vec<String> {
            let ended = run("doctor --json");
            assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
            let lines = lines(&ended.output);
            let problems = lines.iter().any(|line| line["state"] == "problem");
            assert_eq!(ended.code, Some(if problems { 4 } else { 0 }), "{ended:?}");
            let of_check = lines.iter().filter(|line| line["check"] == check);
            of_check.map(|line| line["state"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            (states("dead"), states("limits"), states("rights")),
            (vec!["ok".to_owned()], vec!["ok".to_owned()], vec![])
        );
        let open = Mode::PRIVATE.others_read().others_write();
        child(|| {
            ipc_core::shm::SharedMemory::create_new(
                Key::from_raw(42),
                64,
                &ipc_core::shm::Options::new().mode(open),
            )
            .unwrap();
        })
        .join();
        assert_eq!(
            (states("dead"), states("rights")),
            (vec!["problem".to_owned()], vec!["problem".to_owned()])
        );
        done("sysv rm --yes shm:0x2a");
        if common::core::namespace::set_kernel("shm_rmid_forced", "1") {
            assert!(states("persistence").contains(&"problem".to_owned()));
        }
        if common::core::namespace::set_kernel("sem", "20 32000 500 128") {
            assert_eq!(states("semaphores"), ["problem"]);
        }
    });
}
