//! `ipcr advise` has evidence for what it says, and changes nothing.

mod common;

use common::core::namespace::isolated;
use common::{done, json, run};
use ipc_ring::{Domain, broadcast, spsc};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::{Value, json as value};

/// What is said of a channel; the line is of the right form.
fn about(channel: &str, arguments: &str) -> Vec<Value> {
    let all = json(&format!("advise --interval 20ms {arguments}"));
    assert!(all.iter().all(|line| line["type"] == "advice" && line["evidence"].is_string()), "{all:?}");
    for line in &all {
        let has = line["state"] == "advice";
        assert_eq!((line["advice"].is_string(), line["command"].is_string()), (has, has), "{line}");
    }
    all.into_iter().filter(|line| line["channel"] == channel).collect()
}

fn is_said(lines: &[Value], evidence: &str, advice: &str) -> bool {
    let has = |value: &Value, word: &str| value.as_str().is_some_and(|text| text.contains(word));
    lines.iter().any(|line| has(&line["evidence"], evidence) && has(&line["advice"], advice))
}

#[test]
fn rings_that_are_full_and_subscribers_that_lag_have_advice() {
    isolated(|| {
        let domain = Domain::open("sizes").unwrap();
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(8);
        let (mut producer, mut consumer) =
            (builder.create_sender().unwrap(), builder.open_receiver().unwrap());
        assert_eq!(about("numbers", "")[0]["state"], "ok");
        // Full at both looks.
        while producer.try_push(1).is_ok() {}
        let found = about("numbers", "");
        assert!(
            is_said(&found, "nearly full: 8 messages of 8 messages wait", "look at the consumer"),
            "{found:?}"
        );
        assert_eq!(found[0]["command"], "ipcr hz numbers --domain sizes");
        // It was full, and is not now.
        while consumer.try_pop().is_ok() {}
        let found = about("numbers", "numbers");
        assert!(is_said(&found, "not full now", "capacity(32)"), "{found:?}");

        let news = broadcast::Builder::<u64>::new("the news").domain(&domain).capacity(8);
        let mut publisher = news.create_sender().unwrap();
        let mut subscriber = news.open_receiver().unwrap();
        (0..5).for_each(|number| publisher.push(number).unwrap());
        let found = about("the news", "");
        let evidence = format!("process {} is 5 messages of 8 messages behind", std::process::id());
        assert!(is_said(&found, &evidence, "Mode::Gated"), "{found:?}");
        assert_eq!(found[0]["command"], "ipcr show 'the news' --domain sizes");
        while subscriber.try_pop().is_ok() {}
        assert_eq!(about("the news", "")[0]["state"], "ok");
        assert_eq!(domain.list().unwrap().processes.len(), 1);

        let shown = done("advise numbers --interval 20ms");
        assert!(shown.contains("\"numbers\" in \"sizes\": give the builder"), "{shown}");
        assert!(
            shown.contains("\n  because  ") && shown.contains("\n  run      ipcr show numbers"),
            "{shown}"
        );
        assert!(shown.lines().last().unwrap().contains("advice after "), "{shown}");
        assert!(!shown.lines().any(|line| line.starts_with("ok")), "{shown}");
        let all = done("advise --all --interval 20ms");
        assert!(all.lines().any(|line| line.starts_with("ok       removal")), "{all}");
        assert_eq!(run("advise nothing --interval 20ms").code, Some(3));
        assert_eq!(run("advise --domain nothing").code, Some(3));
    });
}

#[test]
fn ends_on_one_processor_are_told_to_part() {
    isolated(|| {
        let domain = Domain::open("pinned").unwrap();
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain);
        let _consumer = builder.create_receiver().unwrap();
        let all = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let cpu = (0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap()).unwrap();
        let mut one = CpuSet::new();
        one.set(cpu).unwrap();
        // The list of a process is that of its first thread.
        let main = Pid::this();
        let before = sched_getaffinity(main).unwrap();
        sched_setaffinity(main, &one).unwrap();
        let gate = common::core::children::Gate::new();
        let other = common::core::children::child(|| {
            sched_setaffinity(Pid::from_raw(0), &one).unwrap();
            let domain = Domain::open("pinned").unwrap();
            let _producer = spsc::Builder::<u64>::new("numbers").domain(&domain).open_sender().unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let found = about("numbers", "");
        sched_setaffinity(main, &before).unwrap();
        assert!(
            is_said(&found, &format!("may run on processor {cpu} only"), "processors of their own"),
            "{found:?}"
        );
        assert!(found[0]["command"].as_str().unwrap().starts_with("taskset "), "{found:?}");
        // Apart again.
        if before.is_set(cpu).unwrap()
            && (0..CpuSet::count()).filter(|cpu| before.is_set(*cpu).unwrap()).count() > 1
        {
            assert_eq!(about("numbers", "")[0]["state"], value!("ok"));
        }
        other.kill();
    });
}
