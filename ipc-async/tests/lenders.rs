//! Tasks that wait for a block of a pool: other processes give one back, are killed or stopped while they do
//! so, the process forks, and futures are dropped.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
mod hand;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use futures_util::poll;
use hand::Hand;
use ipc_async::Async;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_ring::platform::Site;
use ipc_ring::pool::{Builder, Lender, LoanError, Pool};
use ipc_ring::{Domain, fault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LEN: usize = 8;

fn pool(domain: &Domain) -> Pool {
    Builder::new("pool").domain(domain).class(64, 1).create().unwrap()
}

fn task(pool: &Pool) -> Async<Lender> {
    Async::new(Lender::new(pool).unwrap()).unwrap()
}

/// Polls until the lender is armed, as [`Hand::park`]; gives how often the task had been woken then.
fn park(hand: &Hand, lender: &mut Async<Lender>) -> u64 {
    loop {
        let before = hand.woken();
        assert!(
            lender.poll_loan(LEN, &mut Context::from_waker(&hand.waker)).is_pending(),
            "no block is free"
        );
        if hand.woken() == before {
            return before;
        }
    }
}

/// Holds the block, and gives it back when its parent asks for it.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let pool = pool(&Domain::open(&role[0]).unwrap());
    loop {
        let held = pool.loan(LEN).unwrap();
        say("holding");
        match &*listen() {
            "give back" => {}
            "give back and die" => fault::arm(Site::WakeClaimed, 0),
            "give back and stop" => fault::arm_stop(Site::WakeClaimed, 0),
            _ => return,
        }
        drop(held);
        say("given back");
        listen();
    }
}

/// A lender that waits, and a process that holds the block.
fn scene(what: &str) -> (Domain, Pool, Async<Lender>, Role) {
    private_namespace();
    let domain = Domain::open(&unique(what)).unwrap();
    let pool = pool(&domain);
    let lender = task(&pool);
    let mut holder = Role::start(domain.name(), &[]);
    assert_eq!(holder.hear(), "holding");
    (domain, pool, lender, holder)
}

#[test]
fn a_block_that_another_process_gives_back_wakes_the_task() {
    let (_domain, pool, mut lender, mut holder) = scene("given-back");
    let hand = Hand::new();
    for _ in 0..20 {
        let before = park(&hand, &mut lender);
        holder.tell("give back");
        hand.wait_until_woken(before);
        drop(smol::block_on(lender.loan(LEN)).unwrap());
        assert_eq!(holder.hear(), "given back");
        holder.tell("again");
        assert_eq!(holder.hear(), "holding");
    }
    holder.tell("end");
    holder.finish();
    assert_eq!(pool.stats().in_use(), 0);
}

#[test]
fn the_block_of_a_process_that_is_killed_wakes_the_task() {
    let (_domain, pool, mut lender, mut holder) = scene("killed");
    let hand = Hand::new();
    let before = park(&hand, &mut lender);
    holder.kill();
    hand.wait_until_woken(before);
    drop(smol::block_on(lender.loan(LEN)).unwrap());
    assert_eq!(pool.stats().in_use(), 0);
}

/// Two tasks wait, and the process that wakes one of them dies between its bit and its token.
#[test]
fn a_process_that_dies_while_it_gives_back_leaves_no_task_asleep() {
    let (_domain, pool, mut lender, mut holder) = scene("corner");
    let mut other = task(&pool);
    let hands = [Hand::new(), Hand::new()];
    park(&hands[0], &mut lender);
    park(&hands[1], &mut other);
    holder.tell("give back and die");
    holder.wait_killed();
    let lent = smol::block_on(async {
        tokio::select! {
            lent = lender.loan(LEN) => lent,
            lent = other.loan(LEN) => lent,
        }
    });
    let before = park(&hands[1], &mut other);
    drop(lent);
    hands[1].wait_until_woken(before);
    drop(smol::block_on(other.loan(LEN)).unwrap());
    assert_eq!(pool.stats().in_use(), 0);
}

#[test]
fn a_process_that_is_stopped_while_it_gives_back_wakes_the_task_when_it_goes_on() {
    let (_domain, _pool, mut lender, mut holder) = scene("stopped");
    let hand = Hand::new();
    let before = park(&hand, &mut lender);
    holder.tell("give back and stop");
    let stat = format!("/proc/{}/stat", holder.pid());
    while !std::fs::read_to_string(&stat).unwrap().rsplit_once(") ").unwrap().1.starts_with('T') {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(holder.pid() as i32), Signal::SIGCONT).unwrap();
    hand.wait_until_woken(before);
    drop(smol::block_on(lender.loan(LEN)).unwrap());
    assert_eq!(holder.hear(), "given back");
}

#[test]
fn a_child_of_fork_gets_an_error_and_takes_no_wake_up() {
    private_namespace();
    let domain = Domain::open(&unique("fork")).unwrap();
    let pool = pool(&domain);
    let held = pool.loan(LEN).unwrap();
    let mut lender = task(&pool);
    let hand = Hand::new();
    let before = park(&hand, &mut lender);
    common::forks::in_a_child(|| {
        let lent = lender.poll_loan(LEN, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(lent, Poll::Ready(Err(LoanError::Forked))), "{lent:?}");
    });
    drop(held);
    hand.wait_until_woken(before);
    drop(smol::block_on(lender.loan(LEN)).unwrap());
}

#[test]
fn tasks_of_a_domain_that_is_removed_get_an_error() {
    private_namespace();
    let domain = Domain::open(&unique("removed")).unwrap();
    let pool = pool(&domain);
    let _held = pool.loan(LEN).unwrap();
    let mut lender = task(&pool);
    let hand = Hand::new();
    let before = park(&hand, &mut lender);
    for set in &kernel_objects().1 {
        let id = set.split(' ').nth(1).unwrap().parse().unwrap();
        SemaphoreSet::from_id(SemId::from_raw(id)).remove().unwrap();
    }
    hand.wait_until_woken(before);
    for _ in 0..2 {
        let lent = smol::block_on(lender.loan(LEN));
        assert!(matches!(lent, Err(LoanError::Unknown { .. })), "{lent:?}");
    }
}

/// What lenders know of each other.
#[derive(Default)]
struct Others {
    /// Loans of all.
    lent: AtomicU64,
    /// Lenders that have not finished.
    left: AtomicU64,
    /// One of them leaves the block to the others.
    is_left_to_others: AtomicBool,
}

/// Two tasks and a thread hand one block around, and futures of the tasks are dropped that are armed, or were
/// woken. No block lies beside a task that sleeps: that would be a hang. `ASYNC_CANCELS` for more loans.
#[test]
fn futures_may_be_dropped_at_any_time() {
    private_namespace();
    let loans = std::env::var("ASYNC_CANCELS").map_or(5_000, |text| text.parse::<u64>().unwrap());
    let domain = Domain::open(&unique("cancelled")).unwrap();
    let pool = pool(&domain);
    let lenders = [1, 2].map(|seed| (seed, task(&pool)));
    let mut patient = Lender::new(&pool).unwrap();
    let others = Arc::new(Others { left: AtomicU64::new(3), ..Others::default() });
    let of_thread = Arc::clone(&others);
    let beside = std::thread::spawn(move || {
        for _ in 0..loans {
            drop(patient.loan(LEN).unwrap());
            of_thread.lent.fetch_add(1, SeqCst);
        }
        of_thread.left.fetch_sub(1, SeqCst);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks =
        lenders.map(|(seed, lender)| runtime.spawn(lend_and_drop(lender, seed, loans, Arc::clone(&others))));
    tasks.into_iter().for_each(|task| runtime.block_on(task).expect("no panic"));
    beside.join().unwrap();
    assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
}

/// Lends as often as asked. Most times another future waits for the block meanwhile, which is dropped when
/// the block has been given back; and some times this task lends again only after another one has.
async fn lend_and_drop(mut lender: Async<Lender>, seed: u64, loans: u64, others: Arc<Others>) {
    lender.set_budget(Duration::ZERO); // It arms at once.
    let mut random = seed;
    for _ in 0..loans {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let loan = lender.loan(LEN).await.unwrap();
        {
            let mut waiting = pin!(lender.loan(LEN));
            for _ in 0..random >> 62 {
                assert!(poll!(waiting.as_mut()).is_pending(), "the only block is lent");
            }
            if random >> 60 & 1 == 0 {
                tokio::task::yield_now().await;
            }
            drop(loan);
            if random >> 59 & 1 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let before = others.lent.fetch_add(1, SeqCst) + 1;
        if random >> 57 & 3 == 0 && !others.is_left_to_others.swap(true, SeqCst) {
            while others.lent.load(SeqCst) == before && others.left.load(SeqCst) > 1 {
                tokio::task::yield_now().await;
            }
            others.is_left_to_others.store(false, SeqCst);
        }
    }
    others.left.fetch_sub(1, SeqCst);
}
