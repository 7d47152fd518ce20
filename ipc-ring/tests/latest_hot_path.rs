//! While no end sleeps, publishing a value and reading it make no system call and allocate nothing.

mod common;
mod hot_path_common;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::latest::TableBuilder;
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
    let domain = Domain::open(&unique("hot-latest")).unwrap();
    let builder = TableBuilder::<[u64; 90]>::new("values")
        .domain(&domain)
        .barrier(barrier)
        .keys(5)
        .wait(WaitStrategy::DEFAULT);
    let mut writer = builder.create_sender().unwrap();
    let mut reader = builder.open_receiver().unwrap();
    let mut observer = builder.open_observer().unwrap();
    let mut place = [0; 90];
    let mut once = |number: u64| {
        let key = (number % 5) as u32;
        must(writer.publish_at(key, &[number; 90], number).is_ok());
        must(matches!(reader.changed(), Ok(Some(changed)) if changed == key));
        must(matches!(reader.wait(key), Ok(newest) if newest.value == [number; 90]));
        must(matches!(reader.get_newer(key), Ok(None)));
        must(matches!(reader.changed(), Ok(None)));
        must(matches!(reader.get_into(key, &mut place), Ok(Some(newest)) if newest.time_ns == number));
        must(matches!(reader.sequence(key), Ok(sequence) if sequence == number / 5 + 1));
        must(matches!(observer.get(key), Ok(Some(newest)) if newest.value == place));
    };
    // The first round touches pages, which is no system call, and resolves symbols, which may take some.
    (0..10).for_each(&mut once);
    forbid_system_calls();
    let before = allocations();
    (10..20_000).for_each(once);
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

#[test]
fn publishing_and_reading_make_no_system_call_and_allocate_nothing() {
    for barrier in ["fence", "membarrier"] {
        assert_eq!(outcome(&["work", barrier]), Ok(GOOD), "{barrier}");
    }
}
