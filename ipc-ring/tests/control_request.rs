//! Requests and answers: several in flight, in parts, too late, abandoned, not read.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_ring::control::{Answer, Builder, Connection, Reason, RequestError, Requester, Responder};
use ipc_ring::{Domain, PeerExit};

const LONG: Duration = Duration::from_secs(100);

#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Answers with the number of vowels in the request, and dies on request.
        ["count-vowels", domain] => {
            let mut listener = service(domain).bind().unwrap();
            say("bound");
            let mut responder = Responder::new(listener.accept().unwrap());
            while let Ok(request) = responder.next() {
                match request.body() {
                    b"die" => {
                        nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::SIGKILL).unwrap()
                    }
                    b"fail" => responder.fail(request.id(), 17).unwrap(),
                    body => {
                        let vowels = body.iter().filter(|byte| b"aeiou".contains(byte)).count();
                        responder.reply(request.id(), vowels.to_string().as_bytes()).unwrap();
                    }
                }
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn service(domain: &str) -> Builder {
    Builder::new("service").domain(&Domain::open(domain).unwrap()).timeout(LONG)
}

/// Both sides of a connection whose rings have this many bytes, in one process.
fn pair(capacity: u64) -> (Requester, Responder) {
    let domain = unique("request");
    let service = service(&domain).capacity(capacity);
    let mut listener = service.bind().unwrap();
    let client: Connection = std::thread::scope(|scope| {
        let client = scope.spawn(|| service.connect().unwrap());
        let here = listener.accept().unwrap();
        // Kept for the other side.
        SERVER.with(|slot| slot.replace(Some(here)));
        client.join().unwrap()
    });
    (Requester::new(client), Responder::new(SERVER.with(|slot| slot.take()).unwrap()))
}

thread_local! {
    static SERVER: std::cell::RefCell<Option<Connection>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn a_server_in_another_process_answers_fails_and_dies() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("vowels");
    let mut server = Role::start("count-vowels", &[&domain]);
    assert_eq!(server.hear(), "bound");
    let mut requester = Requester::new(service(&domain).connect().unwrap());
    for number in 0..200 {
        assert_eq!(requester.call(b"shared memory", LONG).unwrap(), b"4", "{number}");
    }
    assert!(matches!(requester.call(b"fail", LONG), Err(RequestError::Failed { code: 17 })));
    match requester.call(b"die", LONG) {
        Err(RequestError::PeerGone(PeerExit::Died { pid })) => assert_eq!(pid, server.pid()),
        other => panic!("{other:?}"),
    }
    drop(requester);
    server.wait_killed();
    drop(Domain::open(&domain).unwrap());
    assert_eq!(kernel_objects(), before);
}

#[test]
fn answers_come_in_any_order_and_in_parts() {
    private_namespace();
    let (mut requester, mut responder) = pair(1 << 16);
    let tickets: Vec<_> = (0..5_u8).map(|number| requester.start(&[number], LONG).unwrap()).collect();
    requester.tell(b"by the way", LONG).unwrap();
    assert_eq!(requester.in_flight(), 5);
    let requests: Vec<_> = (0..5).map(|_| responder.next().unwrap()).collect();
    let aside = responder.next().unwrap();
    assert_eq!((aside.body(), aside.wants_answer(), aside.deadline()), (&b"by the way"[..], false, None));
    for request in requests.iter().rev() {
        assert!(request.wants_answer());
        assert!(request.deadline().unwrap() > Instant::now() + LONG / 2);
        let number = request.body()[0];
        for part in 0..number {
            responder.part(request.id(), &[part]).unwrap();
        }
        responder.reply(request.id(), &[100 + number]).unwrap();
    }
    assert!(matches!(responder.next_deadline(Instant::now()), Err(RequestError::TimedOut)));
    for (ticket, number) in tickets.iter().zip(0_u8..) {
        for part in 0..number {
            assert_eq!(requester.wait(ticket).unwrap(), Answer::Part(vec![part]));
        }
        assert_eq!(requester.try_wait(ticket).unwrap(), Some(Answer::Last(vec![100 + number])));
        assert!(matches!(requester.wait(ticket), Err(RequestError::UnknownTicket)));
    }
    assert_eq!((requester.in_flight(), requester.late()), (0, 0));
    // A call joins the parts.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let request = responder.next().unwrap();
            for part in request.body().chunks(2) {
                responder.part(request.id(), part).unwrap();
            }
            responder.reply(request.id(), b"!").unwrap();
        });
        assert_eq!(requester.call(b"hello", LONG).unwrap(), b"hello!");
    });
}

#[test]
fn a_deadline_ends_a_request_on_both_sides() {
    private_namespace();
    let (mut requester, mut responder) = pair(1 << 16);
    let short = Duration::from_millis(20);
    let asked = Instant::now();
    assert!(matches!(requester.call(b"anybody?", short), Err(RequestError::TimedOut)));
    assert!(asked.elapsed() >= short);
    // It was in time, so it would be read; but by now it is too late, and withdrawn.
    let ticket = requester.start(b"second", LONG).unwrap();
    let second = responder.next().unwrap();
    assert_eq!((second.body(), responder.expired()), (&b"second"[..], 1));
    responder.reply(second.id(), b"yes").unwrap();
    assert_eq!(requester.wait(&ticket).unwrap(), Answer::Last(b"yes".to_vec()));
    assert_eq!(requester.late(), 1, "the failure of the first");
    let given_up = requester.start(b"third", LONG).unwrap();
    let third = responder.next().unwrap();
    assert!(!responder.is_cancelled(third.id()));
    requester.cancel(given_up);
    assert!(matches!(responder.next_deadline(Instant::now()), Err(RequestError::TimedOut)));
    assert!(responder.is_cancelled(third.id()));
}

#[test]
fn a_client_that_does_not_read_is_dropped_with_a_reason() {
    private_namespace();
    let (mut requester, responder) = pair(1 << 10);
    let mut responder = responder.patience(Duration::ZERO);
    let ticket = requester.start(b"flood me", LONG).unwrap();
    let request = responder.next().unwrap();
    let mut sent = 0;
    let error = loop {
        match responder.part(request.id(), &[sent; 100]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RequestError::TooSlow), "{error}");
    assert!(matches!(responder.next(), Err(RequestError::TooSlow)));
    assert!(responder.connection().is_none());
    // What was sent arrives, then the reason.
    for number in 0..sent {
        assert_eq!(requester.wait(&ticket).unwrap(), Answer::Part(vec![number; 100]));
    }
    match requester.wait(&ticket) {
        Err(RequestError::Closed { reason: Some(Reason::TooSlow) }) => {}
        other => panic!("{other:?}"),
    }
}

/// A server with one thread for two clients, one of which keeps sending requests and reads nothing while the
/// other is served. If the server waited for it, the other one would never finish.
#[test]
fn a_client_that_does_not_read_does_not_delay_another() {
    private_namespace();
    let (mut deaf, deaf_server) = pair(1 << 10);
    let (mut good, good_server) = pair(1 << 10);
    let mut servers = [deaf_server.patience(Duration::ZERO), good_server.patience(Duration::ZERO)];
    let mut tickets = vec![deaf.start(b"flood me", LONG).unwrap()];
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut dropped = 0;
            loop {
                for (number, server) in servers.iter_mut().enumerate() {
                    match server.next_deadline(Instant::now()) {
                        Ok(request) if number == 0 => {
                            while server.part(request.id(), &[1; 100]).is_ok() {}
                            dropped += 1;
                        }
                        Ok(request) => server.reply(request.id(), request.body()).unwrap(),
                        Err(RequestError::TimedOut) => std::thread::yield_now(),
                        Err(RequestError::TooSlow) => {}
                        Err(RequestError::Closed { .. }) => return dropped,
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        });
        for number in 0..100_u64 {
            assert_eq!(good.call(&number.to_ne_bytes(), LONG).unwrap(), number.to_ne_bytes());
            // Until the server has closed its ring.
            tickets.extend(deaf.start(b"and me", LONG).ok());
        }
        drop(good);
        assert_eq!(server.join().unwrap(), 1, "dropped once");
    });
    let reason = loop {
        match deaf.wait(&tickets[0]) {
            Ok(_) => {}
            Err(RequestError::Closed { reason }) => break reason,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(reason, Some(Reason::TooSlow));
}

#[test]
fn what_is_no_request_or_too_large_is_told() {
    private_namespace();
    let (mut requester, mut responder) = pair(1 << 10);
    let error = requester.start(&[0; 600], LONG).unwrap_err();
    assert!(matches!(error, RequestError::TooLarge(frame) if frame.len == 624), "{error}");
    requester.connection().send(b"hi").unwrap();
    assert!(matches!(responder.next(), Err(RequestError::Malformed)));
    responder.connection().unwrap().send(&[7; 30]).unwrap();
    let ticket = requester.start(b"x", LONG).unwrap();
    assert!(matches!(requester.wait(&ticket), Err(RequestError::Malformed)));
    responder.close(Reason::Application(3));
    assert!(matches!(
        requester.wait(&ticket),
        Err(RequestError::Closed { reason: Some(Reason::Application(3)) })
    ));
}

/// Each request after the death of the server goes to its successor, over a new connection, and none is sent
/// twice.
#[test]
fn a_requester_outlives_its_servers() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("successors");
    let mut server = Role::start("count-vowels", &[&domain]);
    assert_eq!(server.hear(), "bound");
    let mut requester = Requester::reconnecting(&service(&domain), LONG).unwrap();
    for restarts in 0..3 {
        assert_eq!(requester.reconnections(), restarts);
        assert_eq!(requester.call(b"shared memory", LONG).unwrap(), b"4");
        // The server is killed over the first request, so that the second is never answered.
        let (fatal, unanswered) =
            (requester.start(b"die", LONG).unwrap(), requester.start(b"aeiou", LONG).unwrap());
        assert!(matches!(requester.wait(&fatal), Err(RequestError::PeerGone(_))));
        server.wait_killed();
        server = Role::start("count-vowels", &[&domain]);
        assert_eq!(server.hear(), "bound");
        assert_eq!(requester.call(b"ring", LONG).unwrap(), b"1");
        assert!(matches!(requester.try_wait(&unanswered), Err(RequestError::Lost)));
        assert!(matches!(requester.wait(&unanswered), Err(RequestError::UnknownTicket)));
    }
    assert!(matches!(requester.call(b"die", LONG), Err(RequestError::PeerGone(_))));
    server.wait_killed();
    // There is no listener any more: the caller's deadline holds.
    match requester.call(b"anybody?", Duration::from_millis(50)) {
        Err(RequestError::Connect(error)) => assert!(error.is_temporary(), "{error}"),
        other => panic!("{other:?}"),
    }
    drop(requester);
    drop(Domain::open(&domain).unwrap());
    assert_eq!(kernel_objects(), before);
}

#[test]
fn answers_and_requests_go_into_memory_that_is_there() {
    private_namespace();
    let (mut requester, mut responder) = pair(1 << 14);
    let early = requester.start(b"early", LONG).unwrap();
    let server = std::thread::spawn(move || {
        let mut request = ipc_ring::control::Request::default();
        let mut places = Vec::new();
        for number in 0..5 {
            responder.next_into(&mut request).unwrap();
            assert!(request.wants_answer() && request.deadline().is_some());
            let body = request.body().to_vec();
            places.push(request.body().as_ptr());
            match number {
                // Answered after another one's parts.
                0 => {
                    let first = request.id();
                    responder.next_into(&mut request).unwrap();
                    responder.part(request.id(), b"in ").unwrap();
                    responder.reply(first, &body).unwrap();
                    responder.reply(request.id(), b"parts").unwrap();
                }
                3 => responder.fail(request.id(), 17).unwrap(),
                _ => responder.reply(request.id(), &body).unwrap(),
            }
        }
        assert!(places[1..].iter().all(|place| *place == places[1]), "the same memory");
        responder
    });
    let mut out = Vec::with_capacity(64);
    let place = out.as_ptr();
    out.extend_from_slice(b"what it held");
    assert_eq!(requester.call_vec(b"a longer request", LONG, &mut out).unwrap(), 8);
    assert_eq!(out, b"in parts");
    assert_eq!(requester.wait(&early).unwrap(), Answer::Last(b"early".to_vec()));
    for body in [&b"one"[..], b"two"] {
        assert_eq!(requester.call_vec(body, LONG, &mut out).unwrap(), body.len());
        assert_eq!(out, body);
    }
    let failed = requester.call_vec(b"fail", LONG, &mut out);
    assert!(matches!(failed, Err(RequestError::Failed { code: 17 })), "{failed:?}");
    assert_eq!(requester.call_vec(b"", LONG, &mut out).unwrap(), 0);
    assert_eq!((out.as_ptr(), requester.in_flight()), (place, 0));
    let responder = server.join().unwrap();
    let late = requester.call_vec(b"late", Duration::from_millis(20), &mut out);
    assert!(matches!(late, Err(RequestError::TimedOut)), "{late:?}");
    drop(responder);
    assert!(requester.call_vec(b"gone", LONG, &mut out).is_err());
    assert_eq!(requester.in_flight(), 0);
}

#[test]
fn an_answer_goes_to_the_front_of_a_slice_and_a_request_is_borrowed() {
    private_namespace();
    let (mut requester, mut responder) = pair(1 << 14);
    let server = std::thread::spawn(move || {
        let mut places = Vec::new();
        for number in 0..6u32 {
            let request = responder.next_borrowed().unwrap();
            assert!(request.wants_answer() && request.deadline().is_some());
            places.push(request.body().as_ptr());
            let (id, reversed) = (request.id(), request.body().iter().rev().copied().collect::<Vec<_>>());
            match number {
                1 | 3 => {
                    responder.part(id, b"in ").unwrap();
                    responder.reply(id, b"parts").unwrap();
                }
                4 => responder.fail(id, 17).unwrap(),
                _ => responder.reply(id, &reversed).unwrap(),
            }
        }
        assert!(places.iter().all(|place| *place == places[0]), "the same memory");
    });
    let mut out = [b'.'; 8];
    assert_eq!(requester.call_into(b"a longer", LONG, &mut out).unwrap(), 8);
    assert_eq!(&out, b"regnol a");
    assert_eq!(requester.call_into(b"parts", LONG, &mut out).unwrap(), 8);
    assert_eq!(&out, b"in parts");
    // What does not fit comes with the error: of one piece, and of two whose first one fits.
    let long = requester.call_into(b"abc", LONG, &mut out[..2]);
    assert!(matches!(&long, Err(RequestError::AnswerTooLong(answer)) if answer == b"cba"), "{long:?}");
    assert_eq!(long.unwrap_err().to_string(), "the answer of 3 bytes does not fit the memory given for it");
    let long = requester.call_into(b"parts", LONG, &mut out[..7]);
    assert!(matches!(&long, Err(RequestError::AnswerTooLong(answer)) if answer == b"in parts"), "{long:?}");
    let failed = requester.call_into(b"fail", LONG, &mut out);
    assert!(matches!(failed, Err(RequestError::Failed { code: 17 })), "{failed:?}");
    assert_eq!(requester.call_into(b"", LONG, &mut []).unwrap(), 0);
    assert_eq!(requester.in_flight(), 0);
    server.join().unwrap();
    assert!(requester.call_into(b"gone", LONG, &mut out).is_err());
    assert_eq!(requester.in_flight(), 0);
}
