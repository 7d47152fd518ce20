//! Requests and replies: the call of a dead caller is dropped; the call of a dead responder goes to its
//! successor, which finds the request whole.

use std::thread::JoinHandle;

use ipc_ring::call::{Builder, CallError, Caller, Responder};
use ipc_ring::{Domain, WaitStrategy};

use crate::items::{Item, number};
use crate::queue::NAP;
use crate::spsc_common::payload;
use crate::survivors::asleep;
use crate::sweep::{Case, Killed, Place, Survivor};

/// As large as fits.
type Reply = [u8; 56];

fn builder(place: &Place) -> Builder<Item, Reply> {
    Builder::new("line").domain(&Domain::open(&place.domain).unwrap()).wait(WaitStrategy::Sleep)
}

fn caller(place: &Place) -> Caller<Item, Reply> {
    builder(place).create_sender().unwrap()
}

fn responder(place: &Place) -> Responder<Item, Reply> {
    builder(place).create_receiver().unwrap()
}

/// The reply to request `number` is the payload of this.
fn answer(number: u64) -> u64 {
    number + 1_000_000
}

fn check_reply(reply: &Reply, number: u64) {
    crate::spsc_common::check(reply, answer(number));
}

/// Replies to the request that waits, and gives its number and how often it was taken before.
fn reply_to_one(responder: &mut Responder<Item, Reply>) -> Option<(u64, u8)> {
    let request = match responder.try_take() {
        Ok(Some(request)) => request,
        Ok(None) | Err(CallError::PeerGone(_)) => return None,
        Err(other) => panic!("{other}"),
    };
    let (number, attempt) = (number(&request.value()), request.attempt());
    request.reply(payload(answer(number)));
    Some((number, attempt))
}

/// Some calls in a row, in one thread; then the end.
fn serve(mut caller: Caller<Item, Reply>, mut responder: Responder<Item, Reply>) {
    for number in 500..503 {
        caller.ask(payload(number)).unwrap();
        assert_eq!(reply_to_one(&mut responder), Some((number, 0)));
        check_reply(&caller.try_reply().unwrap().expect("it was answered"), number);
    }
    caller.close();
    assert!(matches!(responder.take(), Err(CallError::Closed)));
}

pub fn cases() -> Vec<Case> {
    let mut cases = callers();
    cases.extend(responders());
    cases.extend(arrivals());
    cases
}

/// The first call of a victim, if it makes two.
const FIRST: u64 = 7;

/// A caller dies; a responder lives on.
fn callers() -> Vec<Case> {
    let case = |name: &str, setup: Calling, live: fn(Caller<Item, Reply>, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: name.contains("close") || name.contains("leave"),
        prepare: Box::new(move |place| {
            Box::new(Answers {
                setup,
                place: place.clone(),
                responder: Some(responder(place)),
                server: None,
                answered: Vec::new(),
            })
        }),
        live: Box::new(move |place, mark| {
            let caller = caller(place);
            if setup.serving {
                std::thread::sleep(NAP);
            }
            live(caller, mark);
        }),
    };
    let polled = Calling { asks: 1, serving: false, victim_sleeps: false };
    let serving = Calling { serving: true, ..polled };
    let ask: fn(Caller<Item, Reply>, &dyn Fn()) = |mut caller, mark| {
        mark();
        caller.ask(payload(FIRST)).unwrap();
        mark();
    };
    let call: fn(Caller<Item, Reply>, &dyn Fn()) = |mut caller, mark| {
        mark();
        check_reply(&caller.call(payload(FIRST)).unwrap(), FIRST);
        mark();
    };
    vec![
        case("ask", polled, ask),
        case("ask a sleeper", serving, ask),
        case("ask and sleep until the reply", Calling { victim_sleeps: true, ..polled }, call),
        case("call one who sleeps", Calling { victim_sleeps: true, ..serving }, call),
        case("call again", Calling { asks: 2, victim_sleeps: true, ..serving }, |mut caller, mark| {
            check_reply(&caller.call(payload(FIRST)).unwrap(), FIRST);
            mark();
            check_reply(&caller.call(payload(FIRST + 1)).unwrap(), FIRST + 1);
            mark();
        }),
        case("close the caller's end", Calling { asks: 0, ..serving }, |caller, mark| {
            mark();
            caller.close();
            mark();
        }),
        case("leave the caller's end", Calling { asks: 0, ..polled }, |caller, mark| {
            mark();
            caller.detach();
            mark();
        }),
    ]
}

/// What is there when a caller dies.
#[derive(Clone, Copy, Debug)]
struct Calling {
    /// Calls that the victim makes, the last of them in its operation.
    asks: u64,
    /// The survivor waits for requests and answers them throughout.
    serving: bool,
    victim_sleeps: bool,
}

/// A responder, and the requests it has answered.
type Served = (Responder<Item, Reply>, Vec<u64>);

struct Answers {
    setup: Calling,
    place: Place,
    responder: Option<Responder<Item, Reply>>,
    server: Option<JoinHandle<Served>>,
    answered: Vec<u64>,
}

/// Answers until the caller is gone.
fn answer_all(mut responder: Responder<Item, Reply>) -> Served {
    let mut answered = Vec::new();
    loop {
        match responder.take() {
            Ok(request) => {
                let number = number(&request.value());
                assert_eq!(request.attempt(), 0);
                request.reply(payload(answer(number)));
                answered.push(number);
            }
            Err(CallError::PeerGone(_) | CallError::Closed) => return (responder, answered),
            Err(other) => panic!("{other}"),
        }
    }
}

impl Survivor for Answers {
    fn born(&mut self) {
        if self.setup.serving {
            let responder = self.responder.take().unwrap();
            self.server = Some(asleep(move || answer_all(responder)));
        }
    }

    fn rouse(&mut self) {
        if let Some(responder) = &mut self.responder
            && let Some((number, _)) = reply_to_one(responder)
        {
            self.answered.push(number);
        }
    }

    fn judge(mut self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let mut responder = match self.server.take() {
            Some(server) => {
                let (responder, answered) = server.join().unwrap();
                self.answered.extend(answered);
                responder
            }
            None => self.responder.take().unwrap(),
        };
        if let Err(CallError::Closed) = responder.try_take() {
            drop(responder);
            return serve(caller(&self.place), self::responder(&self.place));
        }
        // The successor's first call may find the one of the dead in the line; the reply that it gets must be
        // its own.
        let mut caller = caller(&self.place);
        let mut pending = 0;
        while let Err(error) = caller.ask(payload(100)) {
            assert!(matches!(error, CallError::Pending), "{error}");
            self.answered.push(reply_to_one(&mut responder).expect("what is pending can be taken").0);
            pending += 1;
        }
        assert!(pending <= 1);
        assert_eq!(reply_to_one(&mut responder), Some((100, 0)));
        check_reply(&caller.wait().unwrap(), 100);
        let asked: Vec<u64> = (FIRST..FIRST + self.setup.asks).collect();
        let least = self.setup.asks - u64::from(!over && self.setup.asks > 0);
        assert!(
            asked.starts_with(&self.answered) && self.answered.len() as u64 >= least,
            "{:?}",
            self.answered
        );
        serve(caller, responder);
    }
}

/// A responder dies; the caller lives on.
fn responders() -> Vec<Case> {
    let case = |name: &str, setup: Answering, live: fn(Responder<Item, Reply>, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: name.contains("close") || name.contains("leave"),
        prepare: Box::new(move |place| {
            let mut caller = caller(place);
            if !setup.victim_sleeps {
                caller.ask(payload(FIRST)).unwrap();
            }
            Box::new(Asks { setup, place: place.clone(), caller: Some(caller), sleeper: None })
        }),
        live: Box::new(move |place, mark| {
            let responder = responder(place);
            if setup.asleep {
                std::thread::sleep(NAP);
            }
            live(responder, mark);
        }),
    };
    let awake = Answering { attempts: 1, replies: true, asleep: false, victim_sleeps: false };
    let asleep = Answering { asleep: true, ..awake };
    let take: fn(Responder<Item, Reply>, &dyn Fn()) = |mut responder, mark| {
        mark();
        assert_eq!(number(&responder.try_take().unwrap().unwrap().value()), FIRST);
        mark();
    };
    let reply: fn(Responder<Item, Reply>, &dyn Fn()) = |mut responder, mark| {
        let request = responder.try_take().unwrap().unwrap();
        assert_eq!(request.value(), payload(FIRST));
        mark();
        request.reply(payload(answer(FIRST)));
        mark();
    };
    vec![
        case("take a request", Answering { replies: false, ..awake }, take),
        case("take a request of a sleeper", Answering { replies: false, ..asleep }, take),
        case("reply", awake, reply),
        case("reply to a sleeper", asleep, reply),
        case("take again and reply", Answering { attempts: 2, ..awake }, |mut responder, mark| {
            drop(responder.try_take().unwrap().unwrap());
            mark();
            assert_eq!(reply_to_one(&mut responder), Some((FIRST, 1)));
            mark();
        }),
        case(
            "sleep until asked, take and reply",
            Answering { victim_sleeps: true, ..awake },
            |mut responder, mark| {
                mark();
                let request = responder.take().unwrap();
                request.reply(payload(answer(FIRST)));
                mark();
            },
        ),
        case(
            "leave the responder's end",
            Answering { attempts: 0, replies: false, ..asleep },
            |one, mark| {
                mark();
                drop(one);
                mark();
            },
        ),
        case(
            "close the responder's end",
            Answering { attempts: 0, replies: false, ..asleep },
            |one, mark| {
                mark();
                one.close();
                mark();
            },
        ),
    ]
}

/// What is there when a responder dies.
#[derive(Clone, Copy, Debug)]
struct Answering {
    /// The maximum number of times that the victim takes the request.
    attempts: u8,
    /// Whether it replies in its operation.
    replies: bool,
    /// The survivor waits for the reply throughout.
    asleep: bool,
    victim_sleeps: bool,
}

/// A caller and the result of its wait.
type Called = (Caller<Item, Reply>, Result<Reply, CallError>);

struct Asks {
    setup: Answering,
    place: Place,
    caller: Option<Caller<Item, Reply>>,
    sleeper: Option<JoinHandle<Called>>,
}

impl Survivor for Asks {
    fn born(&mut self) {
        if self.setup.asleep {
            let mut caller = self.caller.take().unwrap();
            self.sleeper = Some(asleep(move || {
                let told = caller.wait();
                (caller, told)
            }));
        }
    }

    fn rouse(&mut self) {
        match self.caller.as_mut().unwrap().ask(payload(FIRST)) {
            Ok(()) | Err(CallError::Pending) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn judge(mut self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let (mut caller, told) = match self.sleeper.take() {
            Some(sleeper) => sleeper.join().unwrap(),
            None => {
                let mut caller = self.caller.take().unwrap();
                let told = if self.setup.victim_sleeps {
                    self.caller = Some(caller);
                    self.rouse();
                    caller = self.caller.take().unwrap();
                    // The reply to an earlier request, if any, was given up by the new request.
                    Err(CallError::TimedOut)
                } else {
                    caller.wait()
                };
                (caller, told)
            }
        };
        match told {
            Ok(reply) => {
                assert!(self.setup.replies, "no responder replied");
                check_reply(&reply, FIRST);
            }
            Err(CallError::Closed) => {
                drop(caller);
                return serve(self::caller(&self.place), responder(&self.place));
            }
            Err(CallError::PeerGone(_) | CallError::TimedOut) => {
                assert!(!(over && self.setup.replies) || self.setup.victim_sleeps, "the reply is lost");
                let mut responder = responder(&self.place);
                let (number, attempt) = reply_to_one(&mut responder).expect("the call is still unanswered");
                assert_eq!(number, FIRST);
                assert!(attempt <= self.setup.attempts, "taken {attempt} times before");
                assert!(!over || self.setup.victim_sleeps || attempt == self.setup.attempts);
                check_reply(&caller.wait().unwrap(), FIRST);
                return serve(caller, responder);
            }
            Err(other) => panic!("{other}"),
        }
        serve(caller, responder(&self.place));
    }
}

/// An end dies that has just joined.
fn arrivals() -> Vec<Case> {
    let case = |name: &str, there: There, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: true,
        prepare: Box::new(move |place| {
            Box::new(Comes {
                place: place.clone(),
                caller: matches!(there, There::Caller).then(|| caller(place)),
                responder: matches!(there, There::Responder).then(|| responder(place)),
            })
        }),
        live: Box::new(live),
    };
    let call: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let caller = caller(place);
        mark();
        drop(caller);
    };
    let respond: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let responder = responder(place);
        mark();
        drop(responder);
    };
    vec![
        case("make the domain and the line", There::NoEnd, call),
        case("become the caller", There::Responder, call),
        case("become the responder", There::Caller, respond),
    ]
}

/// The ends that are there already.
#[derive(Clone, Copy, Debug)]
enum There {
    NoEnd,
    Caller,
    Responder,
}

struct Comes {
    place: Place,
    caller: Option<Caller<Item, Reply>>,
    responder: Option<Responder<Item, Reply>>,
}

impl Survivor for Comes {
    fn judge(mut self: Box<Self>, _: Killed) {
        let caller = self.caller.take().unwrap_or_else(|| caller(&self.place));
        let responder = self.responder.take().unwrap_or_else(|| responder(&self.place));
        serve(caller, responder);
    }
}
