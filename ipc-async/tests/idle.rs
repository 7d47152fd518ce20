//! Tasks that wait cost nothing while nothing happens. In a program of its own, since it counts what threads
//! do.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
mod hand;

use std::time::Duration;

use common::{private_namespace, unique};
use hand::Hand;
use ipc_async::Async;
use ipc_ring::readiness::Driver;
use ipc_ring::{Domain, mpmc};

/// As many as the domain has semaphores for, nearly.
const TASKS: usize = 1000;

/// A process in which nothing happens is not woken at all. `IDLE_SECONDS` for more than one second.
#[test]
fn a_thousand_tasks_that_wait_cost_no_wake_up() {
    private_namespace();
    let domain = Domain::open(&unique("idle")).unwrap();
    let mut producers = Vec::new();
    let mut consumers: Vec<_> = (0..TASKS)
        .map(|number| {
            let builder = mpmc::Builder::<u64>::new(&format!("numbers-{}", number / 250)).domain(&domain);
            if number % 250 == 0 {
                producers.push(builder.create_sender().unwrap());
            }
            Async::new(builder.create_receiver().unwrap()).unwrap()
        })
        .collect();
    let hand = Hand::new();
    for consumer in consumers.iter_mut() {
        hand.park(consumer);
    }
    let driver = Driver::of(&domain).unwrap();
    // Tokens of a member that joined, and the look that follows them.
    let settled = || {
        let wakeups = driver.counts().wakeups;
        std::thread::sleep(Duration::from_millis(300));
        driver.counts().wakeups == wakeups
    };
    while !settled() {}
    let (before, woken, switches) = (driver.counts(), hand.woken(), context_switches());
    let seconds = std::env::var("IDLE_SECONDS").map_or(1, |text| text.parse().unwrap());
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!((driver.counts(), hand.woken()), (before, woken));
    assert_eq!(context_switches(), switches, "of the driver's thread");
    for producer in &mut producers {
        producer.push(1).unwrap();
    }
    while hand.woken() == woken {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How often the driver's thread has given a processor away.
fn context_switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let statuses: Vec<String> = tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok())
        .filter(|status| status.starts_with("Name:\tipc-ring driver\n"))
        .collect();
    assert!(!statuses.is_empty(), "the thread has its name");
    let lines = statuses.iter().flat_map(|status| status.lines());
    lines
        .filter(|line| line.starts_with("voluntary_ctxt_switches"))
        .map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap())
        .sum()
}
