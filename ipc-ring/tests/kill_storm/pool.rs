//! A pool whose handles go through a channel of many to many: as a queue of payloads.

use std::ops::Range;

use ipc_ring::pool::{self, Handle, LoanError, ReceiveError};
use ipc_ring::{Domain, mpmc};

use super::patience::patiently;
use super::rings::{How, NAME, PATIENCE, Ring};
use super::spsc_common::{check, payload};

pub struct Pool;

const LEN: usize = 200;
/// Fewer than the channel has places, so that producers wait for a block that a consumer gives back, or that
/// is taken from the dead.
const BLOCKS: u64 = 12;

/// The pool. Any process that has it open keeps it alive when all others are dead.
pub fn open(domain: &Domain) -> pool::Pool {
    patiently(|| pool::Builder::new("blocks").domain(domain).class(LEN, BLOCKS).create())
}

/// Nothing is in use.
pub fn judge(pool: &pool::Pool) {
    pool.recover().unwrap();
    assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
}

fn handles(domain: &Domain, how: How) -> mpmc::Builder<Handle> {
    mpmc::Builder::new(NAME).domain(domain).wait(how.0).capacity(16).lifetime(how.1)
}

impl Ring for Pool {
    type Producer = (pool::Lender, mpmc::Producer<Handle>);
    type Consumer = (pool::Pool, mpmc::Consumer<Handle>);

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        let pool = open(domain);
        let lender = patiently(|| pool::Lender::with_strategy(&pool, how.0));
        (lender, patiently(|| handles(domain, how).create_sender()))
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        (open(domain), patiently(|| handles(domain, how).create_receiver()))
    }

    fn push((lender, producer): &mut Self::Producer, messages: Range<u64>) -> u64 {
        let mut done = 0;
        for message in messages {
            let mut loan = match lender.loan_timeout(LEN, PATIENCE) {
                Ok(loan) => loan,
                Err(LoanError::TimedOut) => break,
                Err(other) => panic!("{other}"),
            };
            loan.write(0, &payload::<LEN>(message)).unwrap();
            match loan.send(producer).map_err(|failed| failed.error) {
                Ok(()) => done += 1,
                Err(mpmc::PushError::PeerGone(..)) => break,
                Err(other) => panic!("{other}"),
            }
        }
        done
    }

    fn pop((pool, consumer): &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        let received =
            if most == 1 { pool.receive_timeout(consumer, PATIENCE) } else { pool.try_receive(consumer) };
        match received {
            Ok(view) => {
                assert_eq!(view.len(), LEN);
                let bytes: [u8; LEN] = view.read(0).unwrap();
                let message = u64::from_le_bytes(*bytes.first_chunk().unwrap());
                check(&bytes, message);
                Some(vec![message])
            }
            // A message that was under way when its sender died, or that was held by a process that died.
            Err(ReceiveError::Refused(_)) => Some(Vec::new()),
            Err(ReceiveError::Channel(mpmc::PopError::PeerGone(_))) => None,
            Err(ReceiveError::Channel(
                mpmc::PopError::Empty | mpmc::PopError::Busy { .. } | mpmc::PopError::TimedOut,
            )) => Some(Vec::new()),
            Err(other) => panic!("{other}"),
        }
    }

    fn leave(producer: Self::Producer) {
        drop(producer);
    }
}
