//! Loans that wait: a block that is free, or that the dead held, reaches a lender that waits.

use std::thread::JoinHandle;
use std::time::Duration;

use ipc_ring::pool::{Builder, Lender, Loan, LoanError, Pool};
use ipc_ring::{Domain, WaitStrategy};

use crate::common::wait_for_a_sleeper;
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

/// What there is besides the victim.
#[derive(Clone, Copy, Debug, Default)]
struct Setup {
    /// The survivor holds the block; it gives it back when the victim waits.
    holds: bool,
    /// A lender of the survivor's sleeps.
    waits: bool,
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

pub fn cases() -> Vec<Case> {
    let case = |name: &str, setup: Setup, live: fn(&Pool, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: setup.is_long,
        prepare: Box::new(move |place| {
            let pool = pool(place);
            let held = setup.holds.then(|| pool.loan(LEN).unwrap());
            Box::new(Has { setup, pool, held, sleeper: None })
        }),
        live: Box::new(move |place, mark| live(&pool(place), mark)),
    };
    let waiting = Setup { waits: true, ..Setup::default() };
    let holding = Setup { holds: true, ..Setup::default() };
    let wait: fn(&Pool, &dyn Fn()) = |pool, mark| {
        let mut lender = lender(pool);
        mark();
        let loan = lender.loan(LEN).unwrap();
        mark();
        drop(loan);
    };
    vec![
        case("give a block back to a sleeping lender", waiting, |pool, mark| {
            let loan = pool.loan(LEN).unwrap();
            wait_for_a_sleeper();
            mark();
            drop(loan);
            mark();
        }),
        case("sleep until a block is given back", Setup { victim_sleeps: true, ..holding }, wait),
        case("sleep beside another lender", Setup { victim_sleeps: true, waits: true, ..holding }, wait),
        case("wait until the deadline", holding, |pool, mark| {
            let mut lender = lender(pool);
            mark();
            assert_eq!(lender.loan_timeout(LEN, Duration::from_millis(1)).unwrap_err(), LoanError::TimedOut);
            mark();
        }),
        case("open a lender", Setup { is_long: true, ..holding }, |pool, mark| {
            mark();
            let lender = lender(pool);
            mark();
            drop(lender);
        }),
        case(
            "close a lender beside another",
            Setup { is_long: true, waits: true, ..holding },
            |pool, mark| {
                let lender = lender(pool);
                mark();
                drop(lender);
                mark();
            },
        ),
    ]
}
