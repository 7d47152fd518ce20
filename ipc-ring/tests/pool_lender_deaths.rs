//! Loans that wait, between processes: others give back, holders and lenders are killed, and the domain is
//! removed under those that wait.

mod common;

use std::time::Duration;

use common::{
    Role, listen, private_namespace, role, say, semaphore_sets, unique, wait_for_a_sleeper, wait_for_sleepers,
};
use ipc_ring::pool::{Builder, Lender, LoanError};
use ipc_ring::wait::late;
use ipc_ring::{Domain, WaitStrategy};

fn pool(domain: &Domain) -> Builder {
    Builder::new("pool").domain(domain).class(64, 1)
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let [what, domain] = role[..] else { panic!("{role:?}") };
    let domain = Domain::open(domain).unwrap();
    let pool = pool(&domain).open().unwrap();
    match what {
        "hold" => {
            let held = pool.loan(8).unwrap();
            say("holding");
            listen();
            drop(held);
            say("given back");
            listen();
        }
        "wait" => {
            let mut lender = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
            say("waiting");
            let loan = lender.loan(8).unwrap();
            say("lent");
            listen();
            drop(loan);
        }
        other => panic!("no such role: {other}"),
    }
}

#[test]
fn another_process_gives_back() {
    private_namespace();
    let name = unique("others");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).create().unwrap();
    let mut lender = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
    for _ in 0..3 {
        let mut holder = Role::start("hold", &[&name]);
        assert_eq!(holder.hear(), "holding");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(lender.loan(8).unwrap()));
            wait_for_a_sleeper();
            holder.tell("give it back");
            waiting.join().unwrap();
        });
        assert_eq!(holder.hear(), "given back");
        holder.tell("end");
        holder.finish();
    }
    assert_eq!(late::count(), 0);
}

#[test]
fn the_blocks_of_the_dead_end_the_wait() {
    private_namespace();
    let name = unique("dead");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).create().unwrap();
    for strategy in [WaitStrategy::Sleep, WaitStrategy::DEFAULT, WaitStrategy::SpinYield] {
        // Dead before the wait: found before the first sleep, or by an end that polls.
        let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
        let mut holder = Role::start("hold", &[&name]);
        assert_eq!(holder.hear(), "holding");
        holder.kill();
        drop(holder);
        drop(lender.loan(8).unwrap());
        // While it waits.
        let mut holder = Role::start("hold", &[&name]);
        assert_eq!(holder.hear(), "holding");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(lender.loan(8).unwrap()));
            std::thread::sleep(Duration::from_millis(20));
            holder.kill();
            waiting.join().unwrap();
        });
    }
    assert_eq!(pool.stats().in_use(), 0);
    assert_eq!(late::count(), 0);
}

#[test]
fn a_lender_that_is_killed_asleep_takes_no_wake_with_it() {
    private_namespace();
    let name = unique("killed");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).create().unwrap();
    for _ in 0..5 {
        let held = pool.loan(8).unwrap();
        let mut victims = [(); 3].map(|()| Role::start("wait", &[&name]));
        victims.iter_mut().for_each(|victim| assert_eq!(victim.hear(), "waiting"));
        let mut lender = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
        let waiting = std::thread::spawn(move || drop(lender.loan(8).unwrap()));
        wait_for_sleepers(4);
        victims.iter_mut().for_each(Role::kill);
        drop(held);
        waiting.join().unwrap();
        drop(victims);
    }
    // One that has taken the block and dies gives it to the next.
    let held = pool.loan(8).unwrap();
    let mut victim = Role::start("wait", &[&name]);
    assert_eq!(victim.hear(), "waiting");
    wait_for_sleepers(1);
    drop(held);
    assert_eq!(victim.hear(), "lent");
    let mut lender = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| drop(lender.loan(8).unwrap()));
        std::thread::sleep(Duration::from_millis(20));
        victim.kill();
        waiting.join().unwrap();
    });
    assert_eq!(late::count(), 0);
}

#[test]
fn the_removal_of_the_domain_ends_the_wait() {
    private_namespace();
    for strategy in [WaitStrategy::Sleep, WaitStrategy::DEFAULT, WaitStrategy::SpinYield] {
        let domain = Domain::open(&unique("removed")).unwrap();
        let pool = pool(&domain).create().unwrap();
        let _held = pool.loan(8).unwrap();
        let lenders: Vec<_> = (0..3)
            .map(|_| {
                let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
                std::thread::spawn(move || lender.loan(8).unwrap_err())
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        semaphore_sets().for_each(|set| set.remove().unwrap());
        for lender in lenders {
            let error = lender.join().unwrap();
            assert_eq!(error, LoanError::Unknown { reason: ipc_core::ErrorKind::Removed }, "{strategy:?}");
        }
    }
}
