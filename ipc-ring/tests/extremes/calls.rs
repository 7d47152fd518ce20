//! The calls of every end that wait, until a point in time.

use std::io::IoSlice;
use std::thread;
use std::time::{Duration, Instant};

use ipc_ring::control::Connection;
use ipc_ring::layout::Kind;
use ipc_ring::raw::{self, RawReceiver, RawSender};
use ipc_ring::{Domain, ElementType, WaitStrategy, broadcast, bytes, call, latest, mpmc, pool, spsc};

use crate::common::{private_namespace, unique};
use crate::control::connected;
use crate::{latest_instant, past, strategies};

/// A call that waits until a point in time, and what ends the wait: the other end leaves.
struct Call {
    what: &'static str,
    call: Box<dyn FnMut(Instant) + Send>,
    end: Box<dyn FnOnce() + Send>,
}

impl Call {
    fn new<W: Send + 'static, O: Send + 'static, R>(
        what: &'static str,
        (mut waiter, other): (W, O),
        call: impl Fn(&mut W, Instant) -> R + Send + 'static,
    ) -> Self {
        Self {
            what,
            call: Box::new(move |deadline| drop(call(&mut waiter, deadline))),
            end: Box::new(|| drop(other)),
        }
    }

    /// With past deadlines it does not wait; with the latest one it waits until the other end leaves.
    fn check(mut self, wait: WaitStrategy) {
        let (what, latest) = (self.what, latest_instant());
        past().into_iter().for_each(&mut self.call);
        let (done, is_done) = std::sync::mpsc::channel();
        let (call, end) = (&mut self.call, self.end);
        thread::scope(|scope| {
            scope.spawn(move || {
                call(latest);
                let _ = done.send(());
            });
            thread::sleep(Duration::from_millis(3));
            assert!(is_done.try_recv().is_err(), "{what} {wait:?} did not wait for anything");
            end();
        });
    }
}

const FRAME: [u8; 100] = [7; 100];

fn raw_ends(domain: &Domain, wait: WaitStrategy) -> (RawReceiver, RawSender) {
    let element = ElementType::new(8, 8, "u64").unwrap();
    let builder = raw::Builder::new(&unique("raw")).domain(domain).wait(wait).element(&element);
    let builder = builder.kind(Kind::Spsc).capacity(2);
    (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
}

/// The calls of every end that wait for something to take, until a point in time.
fn taking(domain: &Domain, wait: WaitStrategy) -> Vec<Call> {
    let spsc = || {
        let builder = spsc::Builder::<u64>::new(&unique("spsc")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let bytes = || {
        let builder = bytes::Builder::new(&unique("bytes")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let mpmc = || {
        let builder = mpmc::Builder::<u64>::new(&unique("mpmc")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let broadcast = || {
        let builder = broadcast::Builder::<u64>::new(&unique("broadcast")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let frames = || {
        let builder = broadcast::frames::Builder::new(&unique("frames")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let latest = || {
        let builder = latest::Builder::<u64>::new(&unique("latest")).domain(domain).wait(wait);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let table = || {
        let builder = latest::TableBuilder::<u64>::new(&unique("table")).domain(domain).wait(wait).keys(2);
        (builder.create_receiver().unwrap(), builder.open_sender().unwrap())
    };
    let call = || {
        let builder = call::Builder::<u64, u64>::new(&unique("call")).domain(domain).wait(wait);
        (builder.create_sender().unwrap(), builder.open_receiver().unwrap())
    };
    let answer = || {
        let (caller, responder) = call();
        (responder, caller)
    };
    let in_flight = || {
        let (mut caller, responder) = call();
        caller.ask(1).unwrap();
        (caller, responder)
    };
    let pool = || pool::Builder::new(&unique("pool")).domain(domain).class(64, 4).create().unwrap();
    let handles = || {
        let builder = spsc::Builder::<pool::Handle>::new(&unique("handles")).domain(domain).wait(wait);
        ((pool(), builder.create_receiver().unwrap()), builder.open_sender().unwrap())
    };
    let short = || {
        let pool = pool::Builder::new(&unique("short")).domain(domain).class(64, 1).create().unwrap();
        let held = pool.loan(8).unwrap();
        (pool::Lender::with_strategy(&pool, wait).unwrap(), held)
    };
    let payloads = || {
        let pool = pool();
        let builder = broadcast::payloads::Builder::new(&unique("payloads"), &pool).wait(wait);
        (builder.create_receiver().unwrap(), builder.create_sender().unwrap())
    };
    let connection = || connected(domain, wait);
    vec![
        Call::new("raw receive", raw_ends(domain, wait), |end, deadline| {
            end.receive_deadline(&mut [0; 8], deadline)
        }),
        Call::new("connection recv", connection(), |end: &mut Connection, deadline| {
            end.recv_deadline(deadline)
        }),
        Call::new("connection recv_vec", connection(), |end: &mut Connection, deadline| {
            end.recv_vec(&mut Vec::new(), Some(deadline))
        }),
        Call::new("spsc pop", spsc(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("spsc pop_into", spsc(), |end, deadline| end.pop_into_deadline(&mut 0, deadline)),
        Call::new("spsc pop_slice", spsc(), |end, deadline| end.pop_slice_deadline(&mut [0; 3], deadline)),
        Call::new("spsc pop_with", spsc(), |end, deadline| end.pop_with_deadline(|_| (), deadline)),
        Call::new("bytes pop", bytes(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("bytes pop_into", bytes(), |end, deadline| end.pop_into_deadline(&mut [0; 9], deadline)),
        Call::new("bytes pop_vec", bytes(), |end, deadline| end.pop_vec_deadline(&mut Vec::new(), deadline)),
        Call::new("mpmc pop", mpmc(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("mpmc pop_into", mpmc(), |end, deadline| end.pop_into_deadline(&mut 0, deadline)),
        Call::new("mpmc pop_with", mpmc(), |end, deadline| end.pop_with_deadline(|_| (), deadline)),
        Call::new("broadcast pop", broadcast(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("broadcast pop_into", broadcast(), |end, deadline| end.pop_into_deadline(&mut 0, deadline)),
        Call::new("broadcast pop_slice", broadcast(), |end, deadline| {
            end.pop_slice_deadline(&mut [0; 3], deadline)
        }),
        Call::new("frames pop", frames(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("frames pop_into", frames(), |end, deadline| end.pop_into_deadline(&mut [0; 9], deadline)),
        Call::new("payloads pop", payloads(), |end, deadline| end.pop_deadline(deadline)),
        Call::new("latest wait", latest(), |end, deadline| end.wait_deadline(deadline)),
        Call::new("table wait", table(), |end, deadline| end.wait_deadline(1, deadline)),
        Call::new("table wait_any", table(), |end, deadline| end.wait_any_deadline(deadline)),
        Call::new("call call", call(), |end, deadline| end.call_deadline(1, deadline)),
        Call::new("call wait", in_flight(), |end, deadline| end.wait_deadline(deadline)),
        Call::new("call take", answer(), |end, deadline| drop(end.take_deadline(deadline))),
        Call::new("pool loan", short(), |lender, deadline| lender.loan_deadline(8, deadline)),
        Call::new("pool receive", handles(), |(pool, input), deadline| {
            pool.receive_deadline(input, deadline)
        }),
    ]
}

/// The calls of every end that wait for room, until a point in time.
fn giving(domain: &Domain, wait: WaitStrategy) -> Vec<Call> {
    let spsc = || {
        let builder = spsc::Builder::<u64>::new(&unique("spsc")).domain(domain).wait(wait).capacity(2);
        let (consumer, mut producer) = (builder.create_receiver().unwrap(), builder.open_sender().unwrap());
        while producer.try_push(0).is_ok() {}
        (producer, consumer)
    };
    let bytes = || {
        let builder = bytes::Builder::new(&unique("bytes")).domain(domain).wait(wait).capacity(256);
        let (consumer, mut producer) = (builder.create_receiver().unwrap(), builder.open_sender().unwrap());
        while producer.try_push(&FRAME).is_ok() {}
        (producer, consumer)
    };
    let mpmc = || {
        let builder = mpmc::Builder::<u64>::new(&unique("mpmc")).domain(domain).wait(wait).capacity(2);
        let (consumer, mut producer) = (builder.create_receiver().unwrap(), builder.open_sender().unwrap());
        while producer.try_push(0).is_ok() {}
        (producer, consumer)
    };
    let broadcast = || {
        let name = unique("broadcast");
        let builder = broadcast::Builder::<u64>::new(&name).domain(domain).wait(wait).capacity(2).gated();
        let subscriber = builder.create_receiver().unwrap();
        let mut publisher = builder.open_sender().unwrap();
        while publisher.try_push(0).is_ok() {}
        (publisher, subscriber)
    };
    let frames = || {
        let name = unique("frames");
        let builder = broadcast::frames::Builder::new(&name).domain(domain).wait(wait).capacity(256).gated();
        let subscriber = builder.create_receiver().unwrap();
        let mut publisher = builder.open_sender().unwrap();
        while publisher.try_push(&FRAME).is_ok() {}
        (publisher, subscriber)
    };
    let raw = || {
        let (receiver, mut sender) = raw_ends(domain, wait);
        while sender.try_send(&[0; 8]).is_ok() {}
        (sender, receiver)
    };
    let connection = || {
        let (mut client, server) = connected(domain, wait);
        while client.try_send(&FRAME).is_ok() {}
        (client, server)
    };
    vec![
        Call::new("spsc push", spsc(), |end, deadline| end.push_deadline(0, deadline)),
        Call::new("spsc push_from", spsc(), |end, deadline| end.push_from_deadline(&0, deadline)),
        Call::new("spsc push_slice", spsc(), |end, deadline| end.push_slice_deadline(&[0; 3], deadline)),
        Call::new("bytes push", bytes(), |end, deadline| end.push_deadline(&FRAME, deadline)),
        Call::new("bytes push_vectored", bytes(), |end, deadline| {
            end.push_vectored_deadline(&[IoSlice::new(&FRAME)], deadline)
        }),
        Call::new("raw send", raw(), |end, deadline| end.send_deadline(&[0; 8], deadline)),
        Call::new("connection send", connection(), |end: &mut Connection, deadline| {
            end.send_deadline(&FRAME, deadline)
        }),
        Call::new("mpmc push", mpmc(), |end, deadline| end.push_deadline(0, deadline)),
        Call::new("mpmc push_from", mpmc(), |end, deadline| end.push_from_deadline(&0, deadline)),
        Call::new("mpmc push_slice", mpmc(), |end, deadline| end.push_slice_deadline(&[0; 3], deadline)),
        Call::new("broadcast publish", broadcast(), |end, deadline| end.push_deadline(0, deadline)),
        Call::new("broadcast publish_from", broadcast(), |end, deadline| {
            end.push_from_deadline(&0, deadline)
        }),
        Call::new("broadcast publish_slice", broadcast(), |end, deadline| {
            end.push_slice_deadline(&[0; 3], deadline)
        }),
        Call::new("frames publish", frames(), |end, deadline| end.push_deadline(&FRAME, deadline)),
    ]
}

#[test]
fn deadlines_of_ends() {
    private_namespace();
    let domain = Domain::open(&unique("deadlines")).unwrap();
    for wait in strategies() {
        taking(&domain, wait).into_iter().chain(giving(&domain, wait)).for_each(|call| call.check(wait));
    }
}
