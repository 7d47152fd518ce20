//! While blocks are free, lending, sending, receiving in place and releasing make no system call and allocate
//! nothing.

mod common;
mod hot_path_common;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::pool::{Builder, Handle, Lender, LoanError, Refused};
use ipc_ring::{Domain, mpmc, spsc};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role[0].as_str() {
        "work" => work(),
        _ => panic!("no such role: {role:?}"),
    }
}

fn work() {
    let domain = Domain::open(&unique("hot-pool")).unwrap();
    let pool = Builder::new("blocks").domain(&domain).class(64, 3).class(1 << 16, 2).create().unwrap();
    let mut lender = Lender::new(&pool).unwrap();
    let near = spsc::Builder::<Handle>::new("near").domain(&domain).capacity(4);
    let (mut producer, mut consumer) = (near.create_sender().unwrap(), near.open_receiver().unwrap());
    let far = mpmc::Builder::<Handle>::new("far").domain(&domain).capacity(4);
    let (mut one, mut other) = (far.create_sender().unwrap(), far.open_receiver().unwrap());
    let mut once = |number: u64| {
        let byte = number as u8;
        let len = [8, 64, 65, 1 << 16][number as usize % 4];
        // To one receiver, which changes it and sends it on.
        let Ok(mut loan) = lender.loan(len) else { return must(false) };
        must(loan.fill(byte).is_ok());
        must(loan.send(&mut producer).is_ok());
        let Ok(view) = pool.receive(&mut consumer) else { return must(false) };
        must(view.len() == len && view.read(len - 1) == Ok(byte));
        let Ok(mut loan) = view.into_loan() else { return must(false) };
        must(loan.write(0, &!byte).is_ok());
        must(loan.send(&mut one).is_ok());
        must(matches!(pool.try_receive(&mut other), Ok(view) if view.read(0) == Ok(!byte)));
        must(pool.try_receive(&mut other).is_err());
        // Shared, twice in this process; then the handle is invalid.
        let Ok(mut loan) = pool.try_loan(len) else { return must(false) };
        must(loan.write_at(3, &[byte]).is_ok());
        let (kept, handle) = loan.share();
        let mut out = [0];
        must(pool.accept(&handle).is_ok_and(|view| {
            view.read_at(3, &mut out) == Ok(()) && out == [byte] && kept.read(3) == Ok(byte)
        }));
        drop(kept);
        must(matches!(pool.accept(&handle), Err(Refused::Stale { .. })));
        // Returned unsent; too many at a time.
        let held = [pool.try_loan(9), pool.try_loan(9), pool.try_loan(9)];
        must(held.iter().all(Result::is_ok));
        must(matches!(pool.try_loan(9), Err(LoanError::Exhausted { class: 0, .. })));
    };
    // The first round touches pages, which is no system call, and resolves symbols, which may take some.
    (0..10).for_each(&mut once);
    forbid_system_calls();
    let before = allocations();
    (10..5_000).for_each(once);
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

#[test]
fn lending_sending_and_reading_make_no_system_call_and_allocate_nothing() {
    assert_eq!(outcome(&["work"]), Ok(GOOD));
}
