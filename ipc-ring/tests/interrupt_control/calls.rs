//! The calls of the control layer that wait, in a table, which is compared with the source.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use ipc_core::msg::{MessageQueue, MessageType};
use ipc_core::{ErrorKind, Mode, Trust};
use ipc_ring::control::{
    AcceptError, BindError, Builder, Carry, ConnectError, Connection, Listener, RequestError, RequestId,
    Requester, Responder, Values, Watch,
};
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, Interrupter, PopError, PushError, WaitSet, WaitStrategy, spsc,
};

use crate::common::Role;

/// Longer than anything takes; the watchdog fires first.
pub const LONG: Duration = Duration::from_secs(1000);
/// A call that is about to be made. True when it was interrupted.
pub type Call = Box<dyn FnOnce() -> bool + Send>;

pub struct Row {
    /// As in the source.
    pub names: &'static [&'static str],
    /// Another process has the domain's lock meanwhile.
    pub locked: bool,
    /// Prepares the call, and gives what ends it.
    pub start: fn(&Domain, bool) -> (Interrupter, Call),
}

fn later() -> Instant {
    Instant::now() + LONG
}

/// For calls.
fn handle(signals: bool) -> Interrupter {
    if signals { Interrupter::new().and_by_signals() } else { Interrupter::new() }
}

fn attach<T>(told: Result<T, AttachError>) -> bool {
    matches!(told.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Interrupted))
}

/// A call by a handle of a domain.
fn by_domain(
    domain: &Domain,
    signals: bool,
    call: impl FnOnce(&Domain) -> bool + Send + 'static,
) -> (Interrupter, Call) {
    let interrupter = handle(signals);
    let domain = domain.clone().with_patience(LONG).with_interrupter(&interrupter);
    (interrupter, Box::new(move || call(&domain)))
}

/// A call by the options of a service.
fn by_service(
    domain: &Domain,
    signals: bool,
    call: impl FnOnce(&Builder) -> bool + Send + 'static,
) -> (Interrupter, Call) {
    let interrupter = handle(signals);
    let domain = domain.clone().with_patience(LONG);
    let service = Builder::new("service").domain(&domain).timeout(LONG).interrupter(&interrupter);
    (interrupter, Box::new(move || call(&service)))
}

type Pair<Out, In> = (Connection<In, Out>, Connection<Out, In>);

/// The server's and the client's side; the rings are small.
fn connected<Out: Carry, In: Carry>(domain: &Domain) -> Pair<Out, In> {
    let service = Builder::new("service").domain(domain).timeout(LONG).capacity(4096);
    let service = service.wait(WaitStrategy::Sleep);
    let mut listener = service.bind_as::<Out, In>().unwrap();
    let client = std::thread::spawn(move || service.connect_as::<Out, In>().unwrap());
    let server = listener.accept().unwrap();
    (server, client.join().unwrap())
}

pub fn bytes_pair(domain: &Domain) -> (Connection, Connection) {
    connected(domain)
}

/// A call by a connection, whose other side does nothing.
fn by_connection(
    domain: &Domain,
    signals: bool,
    full: bool,
    call: impl FnOnce(&mut Connection) -> bool + Send + 'static,
) -> (Interrupter, Call) {
    let (server, mut client) = bytes_pair(domain);
    client.set_interruptible(signals);
    while full && client.try_send(&[7; 500]).is_ok() {}
    let interrupter = client.interrupter();
    let call = move || {
        let _server = server;
        call(&mut client)
    };
    (interrupter, Box::new(call))
}

fn by_values(
    domain: &Domain,
    signals: bool,
    full: bool,
    call: impl FnOnce(&mut Connection<Values<u64>, Values<u64>>) -> bool + Send + 'static,
) -> (Interrupter, Call) {
    let (server, mut client) = connected::<Values<u64>, Values<u64>>(domain);
    client.set_interruptible(signals);
    while full && client.try_send_value(7).is_ok() {}
    let interrupter = client.interrupter();
    let call = move || {
        let _server = server;
        call(&mut client)
    };
    (interrupter, Box::new(call))
}

fn by_requester(
    domain: &Domain,
    signals: bool,
    full: bool,
    call: impl FnOnce(&mut Requester) -> Result<(), RequestError> + Send + 'static,
) -> (Interrupter, Call) {
    let (server, mut client) = bytes_pair(domain);
    while full && client.try_send(&[7; 500]).is_ok() {}
    let mut requester = Requester::new(client);
    requester.set_interruptible(signals);
    let interrupter = requester.interrupter();
    let call = move || {
        let _server = server;
        let told = matches!(call(&mut requester), Err(RequestError::Interrupted));
        // Nothing of a call that was interrupted is kept.
        told && requester.in_flight() <= 1
    };
    (interrupter, Box::new(call))
}

fn by_responder(
    domain: &Domain,
    signals: bool,
    full: bool,
    call: impl FnOnce(&mut Responder) -> Result<(), RequestError> + Send + 'static,
) -> (Interrupter, Call) {
    let (mut server, client) = bytes_pair(domain);
    while full && server.try_send(&[7; 500]).is_ok() {}
    let mut requester = Requester::new(client);
    let _ticket = requester.start(b"?", LONG).unwrap();
    let mut responder = Responder::new(server).patience(LONG);
    responder.set_interruptible(signals);
    let interrupter = responder.interrupter();
    let call = move || {
        let _requester = requester;
        if !full {
            responder.next().unwrap();
        }
        matches!(call(&mut responder), Err(RequestError::Interrupted))
    };
    (interrupter, Box::new(call))
}

fn answer(
    responder: &mut Responder,
    how: fn(&mut Responder, RequestId) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    let id = responder.next()?.id();
    how(responder, id)
}

fn by_listener(
    domain: &Domain,
    signals: bool,
    call: fn(&mut Listener) -> Result<Connection, AcceptError>,
) -> (Interrupter, Call) {
    let mut listener = Builder::new("service").domain(domain).bind().unwrap();
    listener.set_interruptible(signals);
    let interrupter = listener.interrupter();
    (interrupter, Box::new(move || matches!(call(&mut listener), Err(AcceptError::Interrupted { .. }))))
}

fn by_watch(
    domain: &Domain,
    signals: bool,
    call: fn(&mut Watch) -> Result<(), ipc_core::Error>,
) -> (Interrupter, Call) {
    let consumer = spsc::Builder::<u64>::new("watched").domain(domain).create_receiver().unwrap();
    let mut watch = Watch::new(domain, "watched").unwrap();
    watch.set_interruptible(signals);
    let interrupter = watch.interrupter();
    let call = move || {
        let _consumer = consumer;
        call(&mut watch).is_err_and(|error| error.kind() == ErrorKind::Interrupted)
    };
    (interrupter, Box::new(call))
}

/// A listener that does not accept; no greeting fits its queue any more, if it is to be full.
fn deaf_listener(domain: &Domain, full: bool) -> Listener {
    let listener = Builder::new("service").domain(domain).bind().unwrap();
    let queues = ipc_core::list::queues().unwrap();
    for (id, _) in queues.into_iter().filter(|_| full) {
        while MessageQueue::from_id(id).try_send_bytes(MessageType::ONE, &[0; 500]).unwrap() {}
        while MessageQueue::from_id(id).try_send_bytes(MessageType::ONE, &[0; 1]).unwrap() {}
    }
    listener
}

fn connecting(domain: &Domain, signals: bool, full: bool) -> (Interrupter, Call) {
    let listener = deaf_listener(domain, full);
    by_service(domain, signals, move |service| {
        let _listener = listener;
        matches!(service.connect(), Err(ConnectError::Interrupted { .. }))
    })
}

fn row(names: &'static [&'static str], start: fn(&Domain, bool) -> (Interrupter, Call)) -> Row {
    Row { names, locked: false, start }
}

fn locked(names: &'static [&'static str], start: fn(&Domain, bool) -> (Interrupter, Call)) -> Row {
    Row { names, locked: true, start }
}

#[rustfmt::skip]
pub fn table() -> Vec<Row> {
    vec![
        // One call in all of these forms.
        locked(&["Domain::open", "Domain::open_deadline", "Domain::open_interruptible", "Domain::open_shared",
            "Domain::open_shared_deadline", "Domain::open_shared_interruptible"], |domain, signals| {
            let (name, interrupter) = (domain.name().to_owned(), handle(signals));
            let (with, owner) = (interrupter.clone(), nix::unistd::geteuid().as_raw());
            // A membership with another policy is not shared.
            let trust = Trust::same_user().mode_at_most(Mode::PRIVATE).allow_uid(4242);
            (interrupter, Box::new(move || {
                attach(Domain::open_shared_interruptible(&name, owner, Mode::PRIVATE, trust, later(), &with))
            }))
        }),
        locked(&["Domain::list"], |d, s| by_domain(d, s, |domain| attach(domain.list()))),
        locked(&["Domain::look_up"], |d, s| by_domain(d, s, |domain| attach(domain.look_up("name")))),
        locked(&["Domain::look_up_deadline"], |d, s| by_domain(d, s, |domain| attach(domain.look_up_deadline("name", later())))),
        locked(&["Domain::wait_for"], |d, s| by_domain(d, s, |domain| attach(domain.wait_for("name", LONG)))),
        row(&["Domain::wait_for"], |d, s| by_domain(d, s, |domain| attach(domain.wait_for("name", LONG)))),
        row(&["Domain::wait_for_exit"], |d, s| {
            let mut role = Role::start("member", &[d.name()]);
            assert_eq!(role.hear(), "there");
            let owner = d.owner_of(role.pid()).unwrap().expect("a member");
            by_domain(d, s, move |domain| {
                let told = attach(domain.wait_for_exit(owner, later()));
                drop(role);
                told
            })
        }),
        locked(&["channel::Builder"], |d, s| by_domain(d, s, |domain| {
            attach(spsc::Builder::<u64>::new("new").domain(domain).create_sender())
        })),
        locked(&["channel::Observer"], |d, s| by_domain(d, s, |domain| attach(spsc::Observer::open_in(domain, "new")))),
        locked(&["WaitSet::new"], |d, s| by_domain(d, s, |domain| attach(WaitSet::new(domain)))),
        locked(&["Watch::new"], |d, s| by_domain(d, s, |domain| attach(Watch::new(domain, "name")))),
        row(&["Watch::next"], |d, s| by_watch(d, s, |watch| watch.next().map(drop))),
        row(&["Watch::next_timeout"], |d, s| by_watch(d, s, |watch| watch.next_timeout(LONG).map(drop))),
        locked(&["Builder::bind", "Listener::bind"], |d, s| by_service(d, s, |service| {
            matches!(service.bind(), Err(BindError::Attach(error)) if matches!(error.kind(), AttachErrorKind::Interrupted))
        })),
        locked(&["Builder::connect", "connect"], |d, s| by_service(d, s, |service| matches!(service.connect(), Err(ConnectError::Interrupted { .. })))),
        row(&["Builder::connect"], |d, s| connecting(d, s, false)),
        row(&["Builder::connect"], |d, s| connecting(d, s, true)),
        row(&["Builder::connect_retrying"], |d, s| by_service(d, s, |service| {
            matches!(service.connect_retrying(later()), Err(ConnectError::Interrupted { .. }))
        })),
        row(&["Requester::reconnecting"], |d, s| by_service(d, s, |service| {
            matches!(Requester::reconnecting(service, LONG), Err(ConnectError::Interrupted { .. }))
        })),
        row(&["Listener::accept"], |d, s| by_listener(d, s, Listener::accept)),
        row(&["Listener::accept_deadline"], |d, s| by_listener(d, s, |listener| listener.accept_deadline(later()))),
        row(&["Listener::accept_timeout"], |d, s| by_listener(d, s, |listener| listener.accept_timeout(LONG))),
        row(&["Connection::send"], |d, s| by_connection(d, s, true, |it| matches!(it.send(&[1; 500]), Err(PushError::Interrupted(()))))),
        row(&["Connection::send_deadline"], |d, s| by_connection(d, s, true, |it| {
            matches!(it.send_deadline(&[1; 500], later()), Err(PushError::Interrupted(())))
        })),
        row(&["Connection::recv"], |d, s| by_connection(d, s, false, |it| matches!(it.recv(), Err(PopError::Interrupted)))),
        row(&["Connection::recv_deadline"], |d, s| by_connection(d, s, false, |it| matches!(it.recv_deadline(later()), Err(PopError::Interrupted)))),
        row(&["Connection::recv_timeout"], |d, s| by_connection(d, s, false, |it| matches!(it.recv_timeout(LONG), Err(PopError::Interrupted)))),
        row(&["Connection::send_value"], |d, s| by_values(d, s, true, |it| matches!(it.send_value(1), Err(PushError::Interrupted(1))))),
        row(&["Connection::recv_value"], |d, s| by_values(d, s, false, |it| matches!(it.recv_value(), Err(PopError::Interrupted)))),
        row(&["Connection::recv_value_timeout"], |d, s| by_values(d, s, false, |it| matches!(it.recv_value_timeout(LONG), Err(PopError::Interrupted)))),
        row(&["Requester::call"], |d, s| by_requester(d, s, false, |it| it.call(b"?", LONG).map(drop))),
        row(&["Requester::start"], |d, s| by_requester(d, s, true, |it| it.start(&[1; 500], LONG).map(drop))),
        row(&["Requester::start_deadline"], |d, s| by_requester(d, s, true, |it| it.start_deadline(&[1; 500], None).map(drop))),
        row(&["Requester::tell"], |d, s| by_requester(d, s, true, |it| it.tell(&[1; 500], LONG))),
        row(&["Requester::call_vec"], |d, s| by_requester(d, s, false, |it| it.call_vec(b"?", LONG, &mut Vec::new()).map(drop))),
        row(&["Requester::call_into"], |d, s| by_requester(d, s, false, |it| it.call_into(b"?", LONG, &mut [0; 8]).map(drop))),
        row(&["Requester::wait"], |d, s| by_requester(d, s, false, |it| it.start(b"?", LONG).and_then(|ticket| it.wait(&ticket)).map(drop))),
        row(&["Responder::next"], |d, s| by_responder(d, s, false, |it| it.next().map(drop))),
        row(&["Responder::next_into"], |d, s| by_responder(d, s, false, |it| it.next_into(&mut Default::default()))),
        row(&["Responder::next_borrowed"], |d, s| by_responder(d, s, false, |it| it.next_borrowed().map(drop))),
        row(&["Responder::next_deadline"], |d, s| by_responder(d, s, false, |it| it.next_deadline(later()).map(drop))),
        row(&["Responder::reply"], |d, s| by_responder(d, s, true, |it| answer(it, |it, id| it.reply(id, &[1; 500])))),
        row(&["Responder::part"], |d, s| by_responder(d, s, true, |it| answer(it, |it, id| it.part(id, &[1; 500])))),
    ]
}

/// Calls of the source that are not in the table, with the reason.
const LEFT_OUT: [&str; 3] = [
    // Ends soon by itself: the process is killed before it is waited for. The wait is that of wait_for_exit.
    "Domain::evict",
    // Have a deadline.
    "BorrowedRequest::deadline",
    "Request::deadline",
];

/// The name of the type behind `impl`, without its parameters.
fn implemented(of: &str) -> String {
    let mut depth = 0;
    let plain: String = of
        .chars()
        .filter(|letter| {
            depth += i32::from(*letter == '<');
            let is_outside = depth == 0;
            depth -= i32::from(*letter == '>');
            is_outside
        })
        .collect();
    plain.trim_end_matches('{').split(" for ").last().unwrap().trim().to_owned()
}

/// The public calls of these files that say how they block, or that have a deadline or a timeout.
fn blocking_calls() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [
        "control/builder.rs",
        "control/connect.rs",
        "control/connection.rs",
        "control/discovery.rs",
        "control/events.rs",
        "control/listener.rs",
        "control/request/requester.rs",
        "control/request/responder.rs",
        "domain/mod.rs",
        "domain/exit.rs",
    ];
    let mut calls = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        let (mut owner, mut blocks) = (String::new(), false);
        for line in text.lines() {
            if let Some(of) = line.strip_prefix("impl") {
                owner = implemented(of) + "::";
            }
            let line = line.trim();
            if line == "}" {
                blocks = false;
            }
            blocks |= line.contains("# Blocking");
            if let Some(rest) = line.strip_prefix("pub fn ") {
                let name = rest.split(['(', '<']).next().unwrap();
                let timed = ["_deadline", "_timeout", "_interruptible", "_retrying", "deadline"];
                let is_timed = timed.iter().any(|end| name.ends_with(end)) || name.starts_with("wait");
                if (blocks || is_timed) && name != "set_interruptible" {
                    let owner = if name == "connect" && file.ends_with("connect.rs") { "" } else { &owner };
                    calls.insert(format!("{owner}{name}"));
                }
                blocks = false;
            }
        }
    }
    calls
}

#[test]
fn the_table_has_every_call_that_blocks() {
    let calls = blocking_calls();
    assert!(calls.len() > 25, "the source is not read as it is written: {calls:?}");
    let known: BTreeSet<&str> = table().iter().flat_map(|row| row.names).copied().chain(LEFT_OUT).collect();
    // A strategy is not a call.
    let is_setting = |call: &&String| *call == "Builder::wait";
    let missing: Vec<&String> =
        calls.iter().filter(|call| !is_setting(call) && !known.contains(call.as_str())).collect();
    assert!(missing.is_empty(), "calls that block, and are not in the table: {missing:?}");
}
