//! The corner of a notifier's death, instruction by instruction: a process that wakes a task is killed
//! between two instructions of its push, and every task that waits for that process is woken all the same.
//! `ASYNC_KILLS` for more places than 40 of each way.
#![cfg(target_arch = "x86_64")]

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
mod hand;
#[path = "../../ipc-ring/tests/kill_at_any_instruction/stepping.rs"]
#[allow(dead_code, reason = "for another test program")]
mod stepping;

use common::{Role, private_namespace, role, unique};
use hand::Hand;
use ipc_async::Async;
use ipc_ring::{Domain, PeerExit, PopError, spsc};
use stepping::{Step, Victim};

const CHANNELS: [&str; 2] = ["first", "second"];

/// In a process of its own, whose only other thread is a driver that sleeps when a victim is forked.
#[test]
fn plays_a_role() {
    // A victim that is stepped is under way to its wake for longer than any sleeper waits for it.
    ipc_ring::wait::late::report_to(|_| {});
    let Some(role) = role() else { return };
    private_namespace();
    if !stepping::is_possible() {
        return common::skip(common::Need::Ptrace, "every instruction is stepped over");
    }
    // Whether the process has woken the task before, and so has arranged for its death.
    let is_known = role[0] == "again";
    let kills: usize = std::env::var("ASYNC_KILLS").map_or(40, |text| text.parse().unwrap());
    let mut tasks = Tasks::new();
    let length = tasks.kill_at(usize::MAX, is_known);
    assert!(length > 50, "a push that wakes has more instructions than {length}");
    let stride = (length / kills).max(1);
    for at in (0..length).step_by(stride) {
        tasks.kill_at(at, is_known);
    }
    common::say(&format!("{}: killed at every {stride}th of {length} instructions", role[0]));
}

fn numbers(domain: &Domain, channel: &str) -> spsc::Builder<u64> {
    spsc::Builder::new(channel).domain(domain).capacity(64)
}

/// Two tasks that wait for one process.
struct Tasks {
    name: String,
    _domain: Domain,
    ends: [Async<spsc::Consumer<u64>>; 2],
    hands: [Hand; 2],
}

impl Tasks {
    fn new() -> Self {
        let name = unique("anywhere");
        let domain = Domain::open(&name).unwrap();
        let end = |channel| Async::new(numbers(&domain, channel).create_receiver().unwrap()).unwrap();
        Self { ends: CHANNELS.map(end), hands: [Hand::new(), Hand::new()], name, _domain: domain }
    }

    /// Kills a process after some instructions of the push that wakes the first task, or behind it. Gives
    /// the number that it has done.
    fn kill_at(&mut self, instructions: usize, is_known: bool) -> usize {
        let Self { name, ends, hands, .. } = self;
        // Who takes the other end wakes it.
        let before = is_known.then(|| hands[0].park(&mut ends[0]));
        let life = |mark: &dyn Fn()| {
            let domain = Domain::open(name).unwrap();
            let mut producers = CHANNELS.map(|channel| numbers(&domain, channel).create_sender().unwrap());
            mark();
            producers[0].push(1).unwrap();
            mark();
        };
        let victim = Victim::start(life, || {});
        if let Some(before) = before {
            hands[0].wait_until_woken(before);
        }
        let mut parked = hands.iter().zip(&mut *ends).map(|(hand, end)| hand.park(end));
        let before = [parked.next(), parked.next()].map(|count| count.expect("two tasks"));
        drop(parked);
        let done = (0..instructions).take_while(|_| victim.step(false) != Step::Over).count();
        victim.kill();
        // Neither looks by itself before it is woken.
        for (hand, before) in hands.iter().zip(before) {
            hand.wait_until_woken(before);
        }
        for (number, end) in ends.iter_mut().enumerate() {
            loop {
                match smol::block_on(end.pop()) {
                    Ok(1) if number == 0 => {}
                    Err(PopError::PeerGone(PeerExit::Died { .. })) => break,
                    other => panic!("killed after {done} instructions: {other:?}"),
                }
            }
        }
        done
    }
}

fn run(way: &str) {
    let mut victims = Role::start(way, &[]);
    while let Some(said) = victims.hear_or_end() {
        println!("{said}");
    }
    victims.finish();
}

#[test]
fn a_notifier_killed_at_any_instruction_is_told_to_every_task() {
    run("again");
}

#[test]
fn a_notifier_killed_at_any_instruction_of_its_first_wake_is_told_to_every_task() {
    run("first");
}
