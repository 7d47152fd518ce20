//! The call ring over heap memory and over a segment: compared with a plain model, one operation after the
//! other, and in two threads; with requests and replies of every size.

mod bytes_common;

use bytes_common::{MEMORIES, Make};
use ipc_ring::Message;
use ipc_ring::platform::Barrier;
use ipc_ring::ring::call::{Caller, MAX_CALL_SIZE, Mapped, Refused, Responder, Taken};
use proptest::prelude::*;

type Ask = [u8; 56];
type Answer = [u8; 41];

fn ring<Req: Message, Rep: Message>(make: Make) -> Mapped<Req, Rep> {
    Mapped::make(make(Mapped::<Req, Rep>::geometry(1).unwrap().total_size()), Barrier::Fence).unwrap()
}

/// Bytes derived from a number, each a different one.
fn bytes<const N: usize>(number: u64) -> [u8; N] {
    std::array::from_fn(|at| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 8 * 8)) as u8 ^ at as u8)
}

fn of_size<const N: usize>(make: Make) {
    let ring = ring::<[u8; N], [u8; N]>(make);
    let mut caller = Caller::attach(ring.clone()).unwrap();
    let mut responder = Responder::attach(ring).unwrap();
    for number in 1..20 {
        assert_eq!(caller.try_ask(&bytes(number)), Ok(0));
        let taken = responder.try_take().unwrap().unwrap();
        assert_eq!(taken, Taken { request: bytes(number), attempt: 0, number });
        responder.reply(&bytes(!number));
        assert_eq!(caller.try_reply(), Ok(Some(bytes(!number))));
    }
}

#[test]
fn every_size_up_to_a_line_less_its_word() {
    macro_rules! sizes {
        ($make:ident, $($n:literal)*) => { $(of_size::<$n>($make);)* };
    }
    for make in MEMORIES {
        sizes!(make, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36);
        sizes!(make, 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56);
    }
    assert_eq!(MAX_CALL_SIZE, 56);
}

/// What the line should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Quiet,
    Asked { request: u64, takes: u32 },
    Replied { reply: u64 },
}

/// What can be done with a ring.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u64),
    TryReply,
    Take,
    Reply(u64),
    /// The caller dies, and another one comes.
    NewCaller,
    /// The responder dies, and another one comes.
    NewResponder,
    /// While there is no responder the caller takes its call back.
    Abandon,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => any::<u64>().prop_map(Step::Ask),
        4 => Just(Step::TryReply),
        5 => Just(Step::Take),
        4 => any::<u64>().prop_map(Step::Reply),
        1 => Just(Step::NewCaller),
        2 => Just(Step::NewResponder),
        1 => Just(Step::Abandon),
    ];
    prop::collection::vec(step, 0..200)
}

fn follow(make: Make, steps: &[Step]) {
    let ring = ring::<Ask, Answer>(make);
    let mut caller = Caller::attach(ring.clone()).unwrap();
    let mut responder = Responder::attach(ring.clone()).unwrap();
    let (mut line, mut number, mut waits, mut open) = (Line::Quiet, 0, false, false);
    for step in steps {
        match *step {
            Step::Ask(request) => {
                let asked = caller.try_ask(&bytes(request));
                if matches!(line, Line::Asked { .. }) {
                    assert_eq!(asked, Err(Refused::Pending));
                } else {
                    assert_eq!(asked, Ok(0), "no end sleeps");
                    (line, number, waits) = (Line::Asked { request, takes: 0 }, number + 1, true);
                }
            }
            Step::TryReply => {
                let expected = match line {
                    Line::Replied { reply } if waits => Some(bytes(reply)),
                    _ => None,
                };
                assert_eq!(caller.try_reply(), Ok(expected));
                waits &= expected.is_none();
            }
            Step::Take => {
                let taken = responder.try_take().unwrap();
                if let Line::Asked { request, takes } = line {
                    let attempt = takes.min(255) as u8;
                    assert_eq!(taken, Some(Taken { request: bytes(request), attempt, number }));
                    (line, open) = (Line::Asked { request, takes: takes + 1 }, true);
                } else {
                    assert_eq!(taken, None);
                }
            }
            Step::Reply(reply) => {
                assert_eq!(responder.is_open(), open);
                assert_eq!(responder.reply(&bytes(reply)), 0, "no end sleeps");
                if std::mem::take(&mut open) {
                    line = Line::Replied { reply };
                }
            }
            Step::NewCaller => {
                caller = Caller::attach(ring.clone()).unwrap();
                waits = false;
            }
            Step::NewResponder => {
                responder = Responder::attach(ring.clone()).unwrap();
                open = false;
            }
            Step::Abandon => {
                caller.abandon().unwrap();
                responder = Responder::attach(ring.clone()).unwrap();
                (waits, open) = (false, false);
                if matches!(line, Line::Asked { .. }) {
                    line = Line::Quiet;
                }
            }
        }
        let asked = matches!(line, Line::Asked { .. });
        assert_eq!((caller.is_pending(), responder.has_request()), (asked, asked));
        assert_eq!((caller.number(), caller.awaits_reply()), (number, waits));
        assert_eq!(caller.has_reply(), waits && !asked);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// For every death and every successor: each call is taken whole until it has a reply, each reply is of
    /// its own call.
    #[test]
    fn a_ring_does_what_a_plain_model_does(steps in steps()) {
        for make in MEMORIES {
            follow(make, &steps);
        }
    }
}

#[test]
fn calls_of_two_threads_keep_together() {
    const CALLS: u64 = 200;
    for make in MEMORIES {
        let ring = ring::<Ask, Answer>(make);
        let mut caller = Caller::attach(ring.clone()).unwrap();
        let mut responder = Responder::attach(ring.clone()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=CALLS {
                    let taken = loop {
                        match responder.try_take().unwrap() {
                            Some(taken) => break taken,
                            None => std::thread::yield_now(),
                        }
                    };
                    assert_eq!(taken, Taken { request: bytes(number), attempt: 0, number });
                    // Now and then one follows that finds the request taken and half answered.
                    if number % 50 == 0 {
                        responder = Responder::attach(ring.clone()).unwrap();
                        let again = responder.try_take().unwrap().unwrap();
                        assert_eq!((again.request, again.attempt), (taken.request, 1));
                    }
                    responder.reply(&bytes(number * 3));
                }
            });
            for number in 1..=CALLS {
                assert_eq!(caller.try_ask(&bytes(number)), Ok(0));
                let reply = loop {
                    match caller.try_reply().unwrap() {
                        Some(reply) => break reply,
                        None => std::thread::yield_now(),
                    }
                };
                assert_eq!(reply, bytes(number * 3));
            }
        });
    }
}
