//! While no end sleeps, a call and its reply make no system call and allocate nothing.

mod common;
mod hot_path_common;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::call::Builder;
use ipc_ring::{Barrier, Domain, WaitStrategy};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", barrier] => work(barrier),
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn work(barrier: &str) {
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let domain = Domain::open(&unique("hot-call")).unwrap();
    let builder = Builder::<[u64; 7], [u64; 3]>::new("calls")
        .domain(&domain)
        .barrier(barrier)
        .wait(WaitStrategy::DEFAULT);
    let mut caller = builder.create_sender().unwrap();
    let mut responder = builder.open_receiver().unwrap();
    let mut once = |number: u64| {
        must(matches!(responder.try_take(), Ok(None)));
        must(caller.ask([number; 7]).is_ok());
        must(matches!(caller.try_reply(), Ok(None)));
        match responder.take() {
            Ok(request) => {
                must(request.value() == [number; 7] && request.attempt() == 0);
                request.reply([number + 1; 3]);
            }
            Err(_) => must(false),
        }
        must(matches!(caller.wait(), Ok(reply) if reply == [number + 1; 3]));
        must(caller.calls() == number + 1);
    };
    // The first round touches pages, which is no system call, and resolves symbols, which may take some.
    (0..10).for_each(&mut once);
    forbid_system_calls();
    let before = allocations();
    (10..20_000).for_each(once);
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

#[test]
fn a_call_and_its_reply_make_no_system_call_and_allocate_nothing() {
    for barrier in ["fence", "membarrier"] {
        assert_eq!(outcome(&["work", barrier]), Ok(GOOD), "{barrier}");
    }
}
