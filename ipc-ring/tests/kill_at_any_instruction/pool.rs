//! Payloads lent by handle: the blocks of the dead return to the pool, and everything they had sent arrives
//! exactly once.

use ipc_ring::pool::{Builder, Handle, Pool, ReceiveError, Refused, View};
use ipc_ring::spsc::{Consumer, PopError, Producer};
use ipc_ring::{Domain, WaitStrategy, spsc};

use crate::hand;
use crate::queue::NAP;
use crate::spsc_common::{check, payload};
use crate::stepping::Victim;
use crate::survivors::asleep;
use crate::sweep::{Case, Killed, Place, Prepare, Survivor};

/// Some lines, not whole ones.
const LEN: usize = 90;
const BLOCKS: u64 = 4;

fn pool(place: &Place) -> Pool {
    let domain = Domain::open(&place.domain).unwrap();
    Builder::new("pool").domain(&domain).class(128, BLOCKS).create().unwrap()
}

fn handles(place: &Place) -> spsc::Builder<Handle> {
    let domain = Domain::open(&place.domain).unwrap();
    spsc::Builder::new("handles").domain(&domain).capacity(8).wait(WaitStrategy::Sleep)
}

fn producer(place: &Place) -> Producer<Handle> {
    handles(place).create_sender().unwrap()
}

fn consumer(place: &Place) -> Consumer<Handle> {
    handles(place).create_receiver().unwrap()
}

fn send(pool: &Pool, producer: &mut Producer<Handle>, number: u64) {
    let mut loan = pool.loan(LEN).unwrap();
    loan.write(0, &payload::<LEN>(number)).unwrap();
    loan.send(producer).unwrap();
}

/// The number of a payload, every byte of which must be its own.
fn number(view: &View) -> u64 {
    assert_eq!(view.len(), LEN);
    let bytes: [u8; LEN] = view.read(0).unwrap();
    let number = u64::from_le_bytes(*bytes.first_chunk().unwrap());
    check(&bytes, number);
    number
}

/// What was received until the channel was empty or its producer gone, and the number of invalid handles.
#[derive(Debug, Default)]
struct Received {
    numbers: Vec<u64>,
    refused: u64,
}

impl Received {
    /// Processes one answer. False when it was the last.
    fn add(&mut self, answer: Result<View, ReceiveError<PopError>>) -> bool {
        match answer {
            Ok(view) => self.numbers.push(number(&view)),
            Err(ReceiveError::Refused(Refused::Stale { .. } | Refused::Doubled { .. })) => self.refused += 1,
            Err(ReceiveError::Channel(PopError::Empty | PopError::PeerGone(_) | PopError::Closed)) => {
                return false;
            }
            Err(other) => panic!("{other}"),
        }
        true
    }
}

/// Nothing is in use, all blocks can be lent, and payloads go through.
fn serve(pool: Pool, mut producer: Producer<Handle>, mut consumer: Consumer<Handle>) {
    assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
    let loans: Vec<_> = (0..BLOCKS).map(|_| pool.try_loan(LEN).expect("a block is lost")).collect();
    assert!(pool.try_loan(LEN).is_err(), "there is a block too many");
    drop(loans);
    for number in 1000..1000 + 2 * BLOCKS {
        send(&pool, &mut producer, number);
        assert_eq!(self::number(&pool.try_receive(&mut consumer).unwrap()), number);
    }
    assert_eq!(pool.stats().in_use(), 0);
}

pub fn cases() -> Vec<Case> {
    let mut cases = senders();
    cases.extend(receivers());
    cases.extend(sharers());
    cases.extend(members());
    cases
}

/// What is there when a sender dies.
#[derive(Clone, Copy, Debug)]
struct Sending {
    /// Payloads sent before its operation.
    sent: u64,
    /// Payloads its operation sends.
    sends: u64,
    /// The survivor waits for payloads throughout.
    asleep: bool,
    /// The survivor cleans up before it checks what has arrived.
    recovers: bool,
}

/// A sender dies; a receiver lives on.
fn senders() -> Vec<Case> {
    let case = |name: &str, setup: Sending, live: fn(&Pool, Producer<Handle>, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: false,
        prepare: Box::new(move |place| {
            let (pool, consumer) = (pool(place), consumer(place));
            let place = place.clone();
            Box::new(Receives { setup, place, pool, consumer: Some(consumer), sleeper: None })
        }),
        live: Box::new(move |place, mark| {
            let (pool, mut producer) = (pool(place), producer(place));
            (0..setup.sent).for_each(|number| send(&pool, &mut producer, number));
            if setup.asleep {
                std::thread::sleep(NAP);
            }
            live(&pool, producer, mark);
        }),
    };
    let setup = |sent, sends| Sending { sent, sends, asleep: false, recovers: false };
    let lend: fn(&Pool, Producer<Handle>, &dyn Fn()) = |pool, _producer, mark| {
        mark();
        let mut loan = pool.loan(LEN).unwrap();
        loan.write(0, &1u8).unwrap();
        mark();
    };
    let give_back: fn(&Pool, Producer<Handle>, &dyn Fn()) = |pool, _producer, mark| {
        let loan = pool.loan(LEN).unwrap();
        mark();
        drop(loan);
        mark();
    };
    let lend_and_send: fn(&Pool, Producer<Handle>, &dyn Fn()) = |pool, mut producer, mark| {
        mark();
        send(pool, &mut producer, 1);
        mark();
    };
    vec![
        case("lend a block", setup(1, 0), lend),
        case("give a loan back", setup(1, 0), give_back),
        case("lend, write and send", setup(1, 1), lend_and_send),
        case("lend, write and send, seen late", Sending { recovers: true, ..setup(1, 1) }, lend_and_send),
        case("send to a sleeper", Sending { asleep: true, ..setup(1, 1) }, lend_and_send),
        case("fail to send", setup(1, 0), |pool, _producer, mark| {
            let loan = pool.loan(LEN).unwrap();
            let route = _producer.route();
            mark();
            let failed = loan.send_with(route, |_| Err(ipc_ring::PushError::Full(()))).unwrap_err();
            mark();
            drop(failed);
        }),
    ]
}

struct Receives {
    setup: Sending,
    place: Place,
    pool: Pool,
    consumer: Option<Consumer<Handle>>,
    sleeper: Option<std::thread::JoinHandle<(Consumer<Handle>, Received)>>,
}

/// Receives until the sender is gone.
fn receive_all(pool: &Pool, mut consumer: Consumer<Handle>) -> (Consumer<Handle>, Received) {
    let mut received = Received::default();
    while received.add(pool.receive(&mut consumer)) {}
    (consumer, received)
}

impl Survivor for Receives {
    fn born(&mut self) {
        if self.setup.asleep {
            let (pool, consumer) = (self.pool.clone(), self.consumer.take().unwrap());
            self.sleeper = Some(asleep(move || receive_all(&pool, consumer)));
        }
    }

    fn judge(mut self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let Sending { sent, sends, recovers, .. } = self.setup;
        if recovers {
            self.pool.recover().unwrap();
        }
        let (consumer, received) = match self.sleeper.take() {
            Some(sleeper) => sleeper.join().unwrap(),
            None => receive_all(&self.pool, self.consumer.take().unwrap()),
        };
        let count = received.numbers.len() as u64;
        assert!(received.numbers.iter().copied().eq(0..count), "{received:?}");
        let least = sent + if over { sends } else { 0 };
        assert!((least..=sent + sends).contains(&count), "{received:?}");
        // Of a payload that was under way the handle may be there without its block.
        assert!(received.refused <= u64::from(recovers && !over), "{received:?}");
        self.pool.recover().unwrap();
        serve(self.pool, producer(&self.place), consumer);
    }
}

/// A receiver dies holding payloads, or with payloads still in the channel; the sender lives on.
fn receivers() -> Vec<Case> {
    let case = |name: &str, setup: Taking, live: fn(&Pool, Consumer<Handle>, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: false,
        prepare: Box::new(move |place| {
            let (pool, mut producer) = (pool(place), producer(place));
            (0..THERE).for_each(|number| send(&pool, &mut producer, number));
            Box::new(Sends { setup, place: place.clone(), pool, producer, sent: THERE })
        }),
        live: Box::new(move |place, mark| {
            let (pool, mut consumer) = (pool(place), consumer(place));
            for expected in 0..setup.taken {
                assert_eq!(number(&pool.try_receive(&mut consumer).unwrap()), expected);
            }
            live(&pool, consumer, mark);
        }),
    };
    let setup = |taken, takes| Taking { taken, takes, victim_sleeps: false };
    vec![
        case("receive", setup(1, 1), |pool, mut consumer, mark| {
            mark();
            let view = pool.try_receive(&mut consumer).unwrap();
            hand::book(1);
            mark();
            drop(view);
        }),
        case("receive and give back", setup(1, 1), |pool, mut consumer, mark| {
            mark();
            let view = pool.try_receive(&mut consumer).unwrap();
            hand::book(1);
            assert_eq!(number(&view), 1);
            drop(view);
            mark();
        }),
        case("write on what was received", setup(0, 1), |pool, mut consumer, mark| {
            mark();
            let view = pool.try_receive(&mut consumer).unwrap();
            hand::book(1);
            let mut loan = view.into_loan().unwrap();
            loan.write(0, &2u8).unwrap();
            mark();
        }),
        case(
            "sleep until a payload comes",
            Taking { victim_sleeps: true, ..setup(THERE, 1) },
            |pool, mut consumer, mark| {
                mark();
                let view = pool.receive(&mut consumer).unwrap();
                hand::book(1);
                mark();
                drop(view);
            },
        ),
    ]
}

/// Payloads that are there before a receiver joins.
const THERE: u64 = 3;

/// What is there when a receiver dies.
#[derive(Clone, Copy, Debug)]
struct Taking {
    /// Payloads received before its operation.
    taken: u64,
    /// Payloads its operation receives.
    takes: u64,
    victim_sleeps: bool,
}

struct Sends {
    setup: Taking,
    place: Place,
    pool: Pool,
    producer: Producer<Handle>,
    sent: u64,
}

impl Survivor for Sends {
    fn rouse(&mut self) {
        // May be called too often.
        if self.sent < THERE + 2 {
            send(&self.pool, &mut self.producer, self.sent);
            self.sent += 1;
        }
    }

    fn judge(self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let mut consumer = consumer(&self.place);
        let mut received = Received::default();
        while received.add(self.pool.try_receive(&mut consumer)) {}
        let Taking { taken, takes, .. } = self.setup;
        let first = self.sent - received.numbers.len() as u64;
        assert!(received.numbers.iter().copied().eq(first..self.sent), "{received:?} of {}", self.sent);
        assert!((taken..=taken + takes).contains(&first), "{received:?} of {}", self.sent);
        assert!(!over || first == taken + takes, "{received:?} of {}", self.sent);
        if killed == Killed::AtCall {
            assert!(first <= taken + hand::booked(), "lost in a call: {received:?} of {}", self.sent);
        }
        // Taken, and its handle still in the channel.
        assert!(received.refused <= u64::from(!over), "{received:?}");
        self.pool.recover().unwrap();
        serve(self.pool, self.producer, consumer);
    }
}

/// A reader of a shared block dies, or the process that shares it.
fn sharers() -> Vec<Case> {
    let case = |name: &str, live: fn(&Pool, &mut Consumer<Handle>, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: false,
        prepare: Box::new(|place| {
            let (pool, mut producer) = (pool(place), producer(place));
            let mut loan = pool.loan(LEN).unwrap();
            loan.write(0, &payload::<LEN>(5)).unwrap();
            let (view, handle) = loan.share();
            producer.push(handle).unwrap();
            Box::new(Shares { pool, producer, place: place.clone(), view, handle })
        }),
        live: Box::new(move |place, mark| live(&pool(place), &mut consumer(place), mark)),
    };
    vec![
        case("join those who read", |pool, consumer, mark| {
            mark();
            let view = pool.receive(consumer).unwrap();
            mark();
            drop(view);
        }),
        case("leave those who read", |pool, consumer, mark| {
            let view = pool.receive(consumer).unwrap();
            mark();
            drop(view);
            mark();
        }),
        Case {
            name: "share".to_owned(),
            sleeps: false,
            is_long: false,
            prepare: Box::new(|place| {
                Box::new(Reads { pool: pool(place), consumer: consumer(place), place: place.clone() })
            }),
            live: Box::new(|place, mark| {
                let (pool, mut producer) = (pool(place), producer(place));
                let mut loan = pool.loan(LEN).unwrap();
                loan.write(0, &payload::<LEN>(5)).unwrap();
                mark();
                let (view, handle) = loan.share();
                producer.push(handle).unwrap();
                drop(view);
                mark();
            }),
        },
    ]
}

struct Shares {
    pool: Pool,
    producer: Producer<Handle>,
    place: Place,
    view: View,
    handle: Handle,
}

impl Survivor for Shares {
    fn judge(self: Box<Self>, _: Killed) {
        let Shares { pool, producer, place, view, handle } = *self;
        // Whichever died: the block stays readable, and is freed by the last survivor.
        pool.recover().unwrap();
        let again = pool.accept(&handle).unwrap();
        assert_eq!((number(&view), number(&again)), (5, 5));
        drop(again);
        assert_eq!(pool.stats().in_use(), 1);
        drop(view);
        let mut consumer = consumer(&place);
        let mut received = Received::default();
        while received.add(pool.try_receive(&mut consumer)) {}
        assert!(received.numbers.is_empty() && received.refused <= 1, "{received:?}");
        serve(pool, producer, consumer);
    }
}

struct Reads {
    pool: Pool,
    consumer: Consumer<Handle>,
    place: Place,
}

impl Survivor for Reads {
    fn judge(self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let Reads { pool, consumer, place } = *self;
        // The dead process keeps its share until another cleans up; one that joins before keeps the payload.
        let mut consumer = consumer;
        match pool.receive(&mut consumer) {
            Ok(view) => {
                assert!(!over, "the last view was dropped");
                pool.recover().unwrap();
                assert_eq!((number(&view), pool.stats().in_use()), (5, 1));
            }
            Err(
                ReceiveError::Refused(Refused::Stale { .. }) | ReceiveError::Channel(PopError::PeerGone(_)),
            ) => {}
            Err(other) => panic!("{other}"),
        }
        pool.recover().unwrap();
        serve(pool, producer(&place), consumer);
    }
}

/// A process dies while it joins, leaves, or cleans up after others.
fn members() -> Vec<Case> {
    let case = |name: &str, is_long: bool, prepare: Prepare, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long,
        prepare,
        live: Box::new(live),
    };
    let unopened = || -> Prepare { Box::new(|place| Box::new(Opens { place: place.clone(), pool: None })) };
    let opened =
        || -> Prepare { Box::new(|place| Box::new(Opens { place: place.clone(), pool: Some(pool(place)) })) };
    // All blocks are in the hands of the dead: lent, received, shared and in a channel that is gone.
    let graves = || -> Prepare {
        Box::new(|place| {
            let pool = pool(place);
            let victim = Victim::start(
                |mark| {
                    let pool = self::pool(place);
                    let (mut producer, mut consumer) = (producer(place), consumer(place));
                    (0..2).for_each(|number| send(&pool, &mut producer, number));
                    let _received = pool.try_receive(&mut consumer).unwrap();
                    let _shared = pool.loan(LEN).unwrap().share();
                    let _lent = pool.loan(LEN).unwrap();
                    mark();
                },
                || {},
            );
            victim.kill();
            assert_eq!(pool.stats().in_use(), BLOCKS);
            Box::new(Opens { place: place.clone(), pool: Some(pool) })
        })
    };
    let open: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let pool = pool(place);
        mark();
        drop(pool);
    };
    vec![
        case("make the domain and the pool", true, unopened(), open),
        case("open the pool", true, opened(), open),
        case("open the pool after deaths", true, graves(), open),
        case("leave the pool", true, opened(), |place, mark| {
            let pool = pool(place);
            mark();
            drop(pool);
            mark();
        }),
        case("leave the pool with a block in hand", true, opened(), |place, mark| {
            let pool = pool(place);
            std::mem::forget(pool.loan(LEN).unwrap());
            mark();
            drop(pool);
            mark();
        }),
        case("recover", false, graves(), |place, mark| {
            // Opening recovers from the dead; what was in their channel is left for the operation.
            let pool = pool(place);
            mark();
            pool.recover().unwrap();
            mark();
        }),
        case("lend what is taken from the dead", false, graves(), |place, mark| {
            let pool = pool(place);
            let loans: Vec<_> = (0..BLOCKS - 1).map(|_| pool.try_loan(LEN).unwrap()).collect();
            mark();
            let last = pool.loan(LEN).unwrap();
            mark();
            drop((loans, last));
        }),
    ]
}

struct Opens {
    place: Place,
    pool: Option<Pool>,
}

impl Survivor for Opens {
    fn judge(mut self: Box<Self>, _: Killed) {
        let pool = self.pool.take().unwrap_or_else(|| pool(&self.place));
        pool.recover().unwrap();
        serve(pool, producer(&self.place), consumer(&self.place));
    }
}
