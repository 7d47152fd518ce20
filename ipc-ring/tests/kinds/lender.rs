//! Payloads by handle, whose giver waits for a block and not for room in the channel.

use std::time::{Duration, Instant};

use ipc_ring::pool::{self, Handle, LoanError};
use ipc_ring::{AttachError, Interrupter, PeerState, spsc};

use super::super::spsc_common::payload;
use super::special::{self, LEN, Receiver};
use super::{Asked, CAPACITY, Call, Giver, How, Kind, Told, calls, system, told, usual};

/// As [`POOL`](special::POOL), with fewer blocks than the channel has places, and a [`pool::Lender`] that
/// waits for them. Not one of all: except for that wait it is the same channel.
pub const LENDER: Kind = Kind {
    name: "lender",
    giver: |how| {
        let (pool, out) = (pool(how)?, handles(how).create_sender()?);
        let lender = pool::Lender::with_strategy(&pool, how.wait)?;
        Ok(Box::new(Lending { out, lender, awaits_successors: how.successors }))
    },
    taker: |how| Ok(Box::new(Receiver { input: handles(how).create_receiver()?, pool: pool(how)? })),
    parameters: &[],
    ..special::POOL
};

/// The number of blocks.
pub const BLOCKS: u64 = CAPACITY;
/// The name of the pool.
pub const POOL_NAME: &str = "lender pool";

fn pool(how: How<'_>) -> Result<pool::Pool, AttachError> {
    pool::Builder::new(POOL_NAME).domain(how.domain).class(256, BLOCKS).create()
}

fn handles(how: How<'_>) -> spsc::Builder<Handle> {
    usual(spsc::Builder::new("lender handles"), how).capacity(4 * BLOCKS)
}

struct Lending {
    out: spsc::Producer<Handle>,
    lender: pool::Lender,
    awaits_successors: bool,
}

/// After this time without a block the giver asks whether there is still a taker. A lender by itself does not
/// know which process will give a block back. Long enough for its periodic check, which reports a wake-up
/// that was lost.
const SLICE: Duration = Duration::from_millis(300);

impl Lending {
    /// A block, or why there is none.
    fn loan(&mut self, patience: Duration) -> Result<pool::Loan, Told> {
        let end = Instant::now() + patience.min(Duration::from_secs(1 << 30));
        loop {
            let slice = end.min(Instant::now() + SLICE);
            match self.lender.loan_deadline(LEN, slice) {
                Ok(loan) => return Ok(loan),
                Err(LoanError::TimedOut) => {}
                Err(LoanError::Interrupted) => return Err(Told::Interrupted),
                Err(LoanError::Unknown { reason: ipc_core::ErrorKind::Removed }) => {
                    return Err(Told::Removed);
                }
                Err(other) => return Err(Told::Otherwise(other.to_string())),
            }
            match self.out.peer() {
                Ok(PeerState::Gone(_)) if !self.awaits_successors => return Err(Told::Gone),
                Ok(_) => {}
                Err(error) => return Err(system(&error)),
            }
            if slice == end {
                return Err(Told::TimedOut);
            }
        }
    }
}

impl Giver for Lending {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use spsc::PushError::{Closed, Interrupted, NotWoken, PeerGone, System, TimedOut};
        let mut loan = match self.loan(patience) {
            Ok(loan) => loan,
            Err(told) => return told,
        };
        loan.write(0, &payload::<LEN>(number)).unwrap();
        let sent = loan.send_with(self.out.route(), |handle| self.out.push_timeout(handle, patience));
        told!(sent.map_err(|failed| failed.error), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(_) => Told::Closed,
            NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.out.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(self.out.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let now = Instant::now();
        calls!("loan" => self.lender.loan(LEN).map(|_| ()), "try_loan" => self.lender.try_loan(LEN).map(|_| ()),
            "loan_deadline" => self.lender.loan_deadline(LEN, now).map(|_| ()),
            "loan_timeout" => self.lender.loan_timeout(LEN, Duration::ZERO).map(|_| ()),
            "expect_len" => self.lender.expect_len(LEN),
            "a lender of the pool" => pool::Lender::new(self.lender.pool()).map(|_| ()))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(self.lender.interrupter())
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.lender.set_interruptible(by_signals);
    }
}
