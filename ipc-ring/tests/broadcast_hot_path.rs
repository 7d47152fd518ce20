//! While no end sleeps and there is room, publishing and popping make no system call and allocate nothing:
//! messages, frames and payloads of a pool.

mod common;
mod hot_path_common;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::broadcast::{Builder, Mode, frames, payloads};
use ipc_ring::{Barrier, Domain, WaitStrategy, pool};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    let [what, barrier, mode] = arguments[..] else { panic!("no such role: {arguments:?}") };
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let mode = if mode == "gated" { Mode::Gated } else { Mode::Lossy };
    let domain = Domain::open(&unique("hot-broadcast")).unwrap();
    match what {
        "messages" => messages(&domain, barrier, mode),
        "frames" => frames(&domain, barrier, mode),
        "payloads" => payloads(&domain, barrier, mode),
        _ => panic!("no such role: {what}"),
    }
}

/// The first round touches pages, which is no system call, and resolves symbols, which may take some.
fn repeat(mut once: impl FnMut(u64)) {
    (0..40).for_each(&mut once);
    forbid_system_calls();
    let before = allocations();
    (40..20_000).for_each(once);
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

fn messages(domain: &Domain, barrier: Barrier, mode: Mode) {
    let builder =
        Builder::<[u64; 5]>::new("messages").domain(domain).barrier(barrier).mode(mode).capacity(16);
    let builder = builder.wait(WaitStrategy::DEFAULT);
    let mut publisher = builder.create_sender().unwrap();
    let mut ends = [builder.open_receiver().unwrap(), builder.open_receiver().unwrap()];
    let mut watcher = builder.open_observer().unwrap();
    repeat(|number| {
        let sent = [[number; 5], [number + 1; 5], [number + 2; 5]];
        must(publisher.push(sent[0]).is_ok());
        must(publisher.try_push_slice(&sent[1..]).is_ok_and(|count| count == 2));
        for subscriber in &mut ends {
            let mut got = [[0; 5]; 3];
            must(matches!(subscriber.pop(), Ok(message) if message == sent[0]));
            must(matches!(subscriber.try_pop_slice(&mut got), Ok(2)));
            must(got[..2] == sent[1..]);
            must(subscriber.try_pop().is_err());
        }
        must((0..3).all(|which| matches!(watcher.try_pop(), Ok(message) if message == sent[which])));
    });
}

fn frames(domain: &Domain, barrier: Barrier, mode: Mode) {
    let builder = frames::Builder::new("frames").domain(domain).barrier(barrier).mode(mode).capacity(4096);
    let mut publisher = builder.create_sender().unwrap();
    let mut subscriber = builder.open_receiver().unwrap();
    let mut place = [0; 700];
    repeat(|number| {
        let frame = [number as u8; 700];
        let len = (number * 37 % 700) as usize;
        must(publisher.push(&frame[..len]).is_ok());
        must(matches!(subscriber.pop_into(&mut place), Ok(got) if got == len));
        must(place[..len] == frame[..len]);
    });
}

/// As many blocks as places, one that is written and one for each subscriber: then none is ever missing.
fn payloads(domain: &Domain, barrier: Barrier, mode: Mode) {
    let pool = pool::Builder::new("blocks").domain(domain).class(4096, 4 + 1 + 2).create().unwrap();
    let builder = payloads::Builder::new("payloads", &pool).barrier(barrier).mode(mode).capacity(4);
    let mut publisher = builder.create_sender().unwrap();
    let mut ends = [builder.open_receiver().unwrap(), builder.open_receiver().unwrap()];
    repeat(|number| {
        let Ok(mut loan) = publisher.loan(4096) else { return must(false) };
        must(loan.fill(number as u8).is_ok());
        must(publisher.push(loan).is_ok());
        let [one, two] = ends.each_mut().map(|subscriber| subscriber.pop());
        must(
            matches!((one, two), (Ok(one), Ok(two)) if [one.read(4095), two.read(0)] == [Ok(number as u8); 2]),
        );
    });
}

#[test]
fn publishing_and_popping_make_no_system_call_and_allocate_nothing() {
    for what in ["messages", "frames", "payloads"] {
        for barrier in ["fence", "membarrier"] {
            for mode in ["lossy", "gated"] {
                assert_eq!(outcome(&[what, barrier, mode]), Ok(GOOD), "{what}, {barrier}, {mode}");
            }
        }
    }
}
