//! Loans that wait: a block that is free, or that the dead held, reaches a lender that waits.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipc_ring::pool::{Builder, Handle, Lender, Loan, LoanError, Pool};
use ipc_ring::{Domain, WaitSet, WaitSetError, WaitStrategy, spsc};

use crate::common::wait_for_a_sleeper;
use crate::stepping::Victim;
use crate::survivors::asleep;
use crate::sweep::{Case, Killed, Place, Survivor};

const LEN: usize = 90;

fn pool(place: &Place) -> Pool {
    let domain = Domain::open(&place.domain).unwrap();
    Builder::new("pool").domain(&domain).class(128, 1).create().unwrap()
}

fn lender(pool: &Pool) -> Lender {
    Lender::with_strategy(pool, WaitStrategy::Sleep).unwrap()
}

fn set(place: &Place) -> WaitSet {
    WaitSet::with_strategy(&Domain::open(&place.domain).unwrap(), WaitStrategy::Sleep).unwrap()
}

/// What there is besides the victim.
#[derive(Clone, Copy, Debug, Default)]
struct Setup {
    /// The survivor holds the block; it gives it back when the victim waits.
    holds: bool,
    /// A lender of the survivor's sleeps.
    waits: bool,
    /// The block is in a channel that died with its ends.
    dead_holds: bool,
    /// The victim sleeps in its operation.
    victim_sleeps: bool,
    /// It opens or closes something.
    is_long: bool,
}

/// A process with the pool, and what it has of it.
struct Has {
    setup: Setup,
    pool: Pool,
    held: Option<Loan>,
    sleeper: Option<JoinHandle<Lender>>,
}

impl Survivor for Has {
    fn born(&mut self) {
        if !self.setup.waits {
            return;
        }
        // The block is in the victim's hands first, unless it is in this process's.
        while self.pool.stats().in_use() == 0 {
            std::thread::yield_now();
        }
        let mut lender = lender(&self.pool);
        self.sleeper = Some(asleep(move || {
            drop(lender.loan(LEN).unwrap());
            lender
        }));
    }

    fn rouse(&mut self) {
        self.held = None;
    }

    fn judge(self: Box<Self>, _: Killed) {
        let Has { pool, held, sleeper, .. } = *self;
        drop(held);
        let mut lender = match sleeper {
            Some(sleeper) => sleeper.join().unwrap(),
            None => lender(&pool),
        };
        // Takes what the dead hold.
        let loan = lender.loan(LEN).unwrap();
        let mut other = self::lender(&pool);
        assert_eq!(other.loan_timeout(LEN, Duration::ZERO).unwrap_err(), LoanError::TimedOut);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(other.loan(LEN).unwrap()));
            drop(loan);
            waiting.join().unwrap();
        });
        pool.recover().unwrap();
        assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
    }
}

/// Leaves the block in a channel that is gone, whose ends died with their process. Opening the pool does not
/// take it back.
fn die_with_the_block(place: &Place) {
    let victim = Victim::start(
        |mark| {
            let pool = pool(place);
            let domain = Domain::open(&place.domain).unwrap();
            let handles = spsc::Builder::<Handle>::new("handles").domain(&domain);
            let (mut producer, _consumer) =
                (handles.create_sender().unwrap(), handles.open_receiver().unwrap());
            pool.loan(LEN).unwrap().send(&mut producer).unwrap();
            mark();
        },
        || {},
    );
    victim.kill();
}

pub fn cases() -> Vec<Case> {
    let case = |name: &str, setup: Setup, live: fn(&Place, &Pool, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: setup.is_long,
        prepare: Box::new(move |place| {
            let pool = pool(place);
            if setup.dead_holds {
                die_with_the_block(place);
            }
            let held = setup.holds.then(|| pool.loan(LEN).unwrap());
            Box::new(Has { setup, pool, held, sleeper: None })
        }),
        live: Box::new(move |place, mark| live(place, &pool(place), mark)),
    };
    let waiting = Setup { waits: true, ..Setup::default() };
    let holding = Setup { holds: true, ..Setup::default() };
    let dead = Setup { dead_holds: true, ..Setup::default() };
    let wait: fn(&Place, &Pool, &dyn Fn()) = |_, pool, mark| {
        let mut lender = lender(pool);
        mark();
        let loan = lender.loan(LEN).unwrap();
        mark();
        drop(loan);
    };
    vec![
        case("give a block back to a sleeping lender", waiting, |_, pool, mark| {
            let loan = pool.loan(LEN).unwrap();
            wait_for_a_sleeper();
            mark();
            drop(loan);
            mark();
        }),
        case("sleep until a block is given back", Setup { victim_sleeps: true, ..holding }, wait),
        case("sleep beside another lender", Setup { victim_sleeps: true, waits: true, ..holding }, wait),
        case("wait until the deadline", holding, |_, pool, mark| {
            let mut lender = lender(pool);
            mark();
            assert_eq!(lender.loan_timeout(LEN, Duration::from_millis(1)).unwrap_err(), LoanError::TimedOut);
            mark();
        }),
        case("lend a block that is free", Setup::default(), |_, pool, mark| {
            let mut lender = lender(pool);
            mark();
            let loan = lender.try_loan(LEN).unwrap();
            mark();
            drop(loan);
        }),
        case("find that none is free", holding, |_, pool, mark| {
            let mut lender = lender(pool);
            mark();
            assert!(matches!(lender.try_loan(LEN), Err(LoanError::Exhausted { .. })));
            mark();
        }),
        case("be interrupted beside another lender", Setup { waits: true, ..holding }, |_, pool, mark| {
            let mut lender = lender(pool);
            lender.interrupter().interrupt().unwrap();
            mark();
            assert_eq!(lender.loan(LEN).unwrap_err(), LoanError::Interrupted);
            mark();
        }),
        case("arm and withdraw in a set", Setup { waits: true, ..holding }, |place, pool, mark| {
            let mut lender = lender(pool);
            let mut set = set(place);
            mark();
            let soon = Instant::now() + Duration::from_millis(1);
            assert!(matches!(set.wait(&mut [&mut lender], Some(soon)), Err(WaitSetError::TimedOut)));
            mark();
        }),
        // One of the two is returned; what the other one was woken for goes to the third.
        case(
            "sleep in a set with two lenders",
            Setup { victim_sleeps: true, waits: true, ..holding },
            |place, pool, mark| {
                let (mut one, mut two, mut set) = (lender(pool), lender(pool), set(place));
                mark();
                let event = set.wait(&mut [&mut one, &mut two], None).unwrap();
                let loan = if event.index == 0 { one.try_loan(LEN) } else { two.try_loan(LEN) };
                mark();
                drop(loan);
            },
        ),
        case("take back what the dead held", dead, |_, pool, mark| {
            mark();
            pool.recover().unwrap();
            mark();
        }),
        case("lend what the dead held", dead, |_, pool, mark| {
            let mut lender = lender(pool);
            mark();
            let loan = lender.loan(LEN).unwrap();
            mark();
            drop(loan);
        }),
        case("open a lender", Setup { is_long: true, ..holding }, |_, pool, mark| {
            mark();
            let lender = lender(pool);
            mark();
            drop(lender);
        }),
        case(
            "close a lender beside another",
            Setup { is_long: true, waits: true, ..holding },
            |_, pool, mark| {
                let lender = lender(pool);
                mark();
                drop(lender);
                mark();
            },
        ),
    ]
}
