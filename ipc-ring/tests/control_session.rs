//! Servers and clients: connecting, talking, closing, refusing.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{
    AcceptError, BindError, Builder, Carry, ConnectError, Frames, Limits, Reason, Values,
};
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, PeerExit, PopError, PushError, WaitStrategy, bytes, spsc,
};

/// The children's roles. Without a role it checks that an unknown one fails.
#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ask", domain] => {
            let mut server = service(domain).connect().unwrap();
            server.send(b"ping").unwrap();
            say(&String::from_utf8(server.recv().unwrap()).unwrap());
            listen();
            server.finish();
            say(&format!("{:?}", server.recv().unwrap_err()));
            say(&format!("{:?}", server.session().close_reason()));
        }
        ["serve-until-told", domain] => {
            let mut listener = service(domain).bind().unwrap();
            say("bound");
            let mut connection = listener.accept().unwrap();
            say(&format!("{}", connection.peer().uid()));
            connection.send(b"welcome").unwrap();
            listen();
        }
        ["bind", domain] => {
            say(&service(domain).bind().unwrap_err().to_string());
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn service(domain: &str) -> Builder {
    Builder::new("service").domain(&Domain::open(domain).unwrap()).timeout(Duration::from_secs(60))
}

#[test]
fn a_client_connects_talks_and_leaves_nothing() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("session");
    let mut listener = service(&domain).features(0b110, 0).bind().unwrap();
    let mut child = Role::start("ask", &[&domain]);
    let mut connection = listener.accept().unwrap();
    assert_eq!(connection.peer().pid(), Some(child.pid()));
    assert_eq!(connection.peer().uid(), nix::unistd::geteuid().as_raw());
    assert!(listener.domain().is_alive(connection.peer().owner()).unwrap());
    assert_eq!(connection.recv().unwrap(), b"ping");
    connection.send(b"pong").unwrap();
    assert_eq!(child.hear(), "pong");
    child.tell("go on");
    // It closes its sending side; ours still works.
    assert!(matches!(connection.recv(), Err(PopError::Closed)));
    connection.close(Reason::Application(42));
    assert_eq!(child.hear(), "the channel is closed and drained");
    assert_eq!(child.hear(), "Some(Application(42))");
    child.finish();
    let counts = listener.counts();
    assert_eq!((counts.greetings, counts.accepted, counts.refused), (1, 1, 0), "{counts:?}");
    assert_eq!(listener.connections(), 0);
    drop(listener);
    assert_eq!(kernel_objects(), before);
}

/// Both sides in two threads: with the listener set up by `server` and the connection by `client`.
fn together<S: Send, C: Send>(
    server: impl FnOnce() -> S + Send,
    client: impl FnOnce() -> C + Send,
) -> (S, C) {
    std::thread::scope(|scope| {
        let client = scope.spawn(client);
        let served = server();
        (served, client.join().unwrap())
    })
}

/// What a client learns that the listener does not accept, however long that takes.
fn refused<In: Carry, Out: Carry, C: Send>(
    listener: &mut ipc_ring::Listener<In, Out>,
    client: impl FnOnce() -> C + Send,
) -> C {
    std::thread::scope(|scope| {
        let client = scope.spawn(client);
        while !client.is_finished() {
            let accepted = listener.accept_timeout(Duration::from_millis(20));
            assert!(matches!(accepted, Err(AcceptError::TimedOut { .. })), "{accepted:?}");
        }
        client.join().unwrap()
    })
}

#[test]
fn connections_carry_values_and_frames_in_any_combination() {
    private_namespace();
    let domain = Domain::open(&unique("carry")).unwrap();
    let orders = Builder::new("orders").domain(&domain).capacity(256);
    let mut listener = orders.bind_as::<Values<u64>, Frames>().unwrap();
    let (mut here, mut there) =
        together(|| listener.accept().unwrap(), || orders.connect_as::<Values<u64>, Frames>().unwrap());
    there.send_value(7).unwrap();
    there.try_send_value(8).unwrap();
    assert_eq!((here.recv_value().unwrap(), here.recv_value().unwrap()), (7, 8));
    here.send(b"filled").unwrap();
    assert_eq!(there.recv().unwrap(), b"filled");
    assert_eq!(there.receiver().unwrap().capacity(), 256);

    // Another type is refused, with the reason.
    let other = refused(&mut listener, || orders.connect_as::<Values<u32>, Frames>());
    assert!(matches!(other, Err(ConnectError::Refused { reason: Reason::OtherType, .. })), "{other:?}");

    // By themselves, for two threads.
    let (producer, consumer, mut session) = there.into_parts();
    let mut consumer = consumer.unwrap();
    producer.unwrap().push(9).unwrap();
    assert_eq!(here.recv_value().unwrap(), 9);
    here.try_send(b"last").unwrap();
    drop(here);
    assert_eq!(consumer.pop().unwrap(), b"last");
    assert!(matches!(consumer.pop(), Err(PopError::Closed)));
    assert_eq!(session.close_reason(), None);
    assert!(session.is_peer_alive().unwrap());
}

#[test]
fn each_direction_closes_by_itself() {
    private_namespace();
    let domain = unique("half");
    let mut listener = service(&domain).bind().unwrap();
    let (mut here, mut there) =
        together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap());
    there.send(b"one").unwrap();
    there.finish();
    assert!(matches!(there.send(b"two"), Err(PushError::Closed(()))));
    assert!(there.sender().is_none());
    assert_eq!(here.recv().unwrap(), b"one");
    assert!(matches!(here.recv(), Err(PopError::Closed)));
    for number in 0..3_u8 {
        here.send(&[number]).unwrap();
        assert_eq!(there.recv().unwrap(), [number]);
    }
    here.finish();
    assert!(matches!(there.recv(), Err(PopError::Closed)));
    // Dropping a connection also announces that the side will not read any more.
    let (mut here, there) = together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap());
    drop(there);
    assert!(matches!(here.send(b"anybody?"), Err(PushError::Closed(()))));
}

#[test]
fn names_are_of_one_listener_or_one_channel() {
    private_namespace();
    let domain = unique("names");
    let membership = Domain::open(&domain).unwrap();
    assert!(matches!(service(&domain).connect(), Err(ConnectError::NotFound { .. })));
    let listener = service(&domain).bind().unwrap();
    match service(&domain).bind() {
        Err(BindError::AlreadyBound { listener, pid }) => {
            assert_eq!((listener.name(), listener.domain()), ("service", &*domain));
            assert_eq!(pid, std::process::id());
        }
        other => panic!("{other:?}"),
    }
    let mut child = Role::start("bind", &[&domain]);
    let said = child.hear();
    let me = std::process::id();
    assert!(
        said.starts_with(&format!(
            "listener \"service\" in domain {domain:?} exists already, made by process {me}"
        )),
        "{said}"
    );
    child.finish();
    let as_ring = spsc::Builder::<u64>::new("service").domain(&membership).create_sender();
    assert!(
        matches!(
            as_ring.as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::Kind { found: 64, expected: 1 })
        ),
        "{as_ring:?}"
    );
    let as_ring = spsc::Observer::open_in(&membership, "service");
    assert!(
        matches!(
            as_ring.as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::Kind { found: 64, expected: 1 })
        ),
        "{as_ring:?}"
    );
    drop(listener);
    let ring = bytes::Builder::new("service").domain(&membership).create_sender().unwrap();
    assert!(matches!(service(&domain).bind(), Err(BindError::IsAChannel { .. })));
    assert!(matches!(service(&domain).connect(), Err(ConnectError::NotAListener { .. })));
    drop(ring);
    drop(service(&domain).bind().unwrap());
    assert!(matches!(
        Builder::new("").domain(&membership).bind(),
        Err(BindError::Attach(error)) if matches!(error.kind(), AttachErrorKind::InvalidName { .. })
    ));
}

#[test]
fn limits_are_refusals_with_a_reason() {
    private_namespace();
    let domain = unique("limits");
    let limits = Limits { per_process: 2, ring_bytes: 4096 * 64, ..Limits::default() };
    let mut listener = service(&domain).limits(limits).bind().unwrap();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap()));
    }
    let refused =
        |listener: &mut ipc_ring::Listener, builder: Builder| match refused(listener, || builder.connect()) {
            Err(ConnectError::Refused { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
    assert_eq!(refused(&mut listener, service(&domain)), Reason::ProcessFull { limit: 2 });
    held.pop();
    held.push(together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap()));
    held.clear();
    let large = service(&domain).capacity(1 << 20);
    assert!(matches!(refused(&mut listener, large), Reason::RingTooLarge { bytes } if bytes > 1 << 20));
    drop(listener);
    let mut picky = service(&domain).allow_user(4711).bind().unwrap();
    let uid = nix::unistd::geteuid().as_raw();
    assert_eq!(refused(&mut picky, service(&domain)), Reason::UserNotAllowed { uid });
    drop(picky);
    let mut modern = service(&domain).features(0b11, 0b10).bind().unwrap();
    assert_eq!(refused(&mut modern, service(&domain)), Reason::MissingFeatures { bits: 0b10 });
    let (_, mut client) =
        together(|| modern.accept().unwrap(), || service(&domain).features(0b110, 0).connect().unwrap());
    assert_eq!(client.session().features(), 0b10);
}

#[test]
fn a_server_that_does_not_accept_is_given_up() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("deaf-server");
    let mut listener = service(&domain).bind().unwrap();
    let impatient = service(&domain).timeout(Duration::from_millis(300));
    assert!(matches!(impatient.connect(), Err(ConnectError::TimedOut { .. })));
    // Its greeting is still there, its objects are not: it is rejected without an answer.
    assert!(matches!(listener.try_accept(), Ok(None)));
    assert_eq!((listener.counts().greetings, listener.counts().refused), (1, 1));
    // When the queue is full, newcomers get an error.
    let started = Instant::now();
    let mut attempts = 0;
    loop {
        attempts += 1;
        match service(&domain).timeout(Duration::from_millis(1)).connect() {
            Err(ConnectError::QueueFull { .. }) => break,
            Err(ConnectError::TimedOut { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert!(attempts < 10_000, "{:?}", started.elapsed());
    }
    assert!(matches!(listener.try_accept(), Ok(None)));
    let (_, _) = together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap());
    drop((listener, impatient));
    assert_eq!(kernel_objects(), before);
}

/// The errors that a program sees, not samples of them.
#[test]
fn each_error_names_its_listener_and_domain() {
    private_namespace();
    let domain = unique("named");
    let names = |error: &dyn std::error::Error| {
        let text = error.to_string();
        assert!(text.contains(&format!("\"service\" in domain {domain:?}")), "{text}");
    };
    let home = Domain::open(&domain).unwrap();
    let impatient = service(&domain).timeout(Duration::from_millis(1));
    names(&impatient.connect().unwrap_err());
    let handle = ipc_ring::Interrupter::new();
    handle.interrupt().unwrap();
    let soon = Instant::now() + Duration::from_secs(1000);
    names(&impatient.clone().interrupter(&handle).connect_retrying(soon).unwrap_err());
    let ring = bytes::Builder::new("service").domain(&home).create_sender().unwrap();
    names(&impatient.connect().unwrap_err());
    names(&impatient.bind().unwrap_err());
    drop(ring);
    let mut listener = impatient.bind().unwrap();
    names(&impatient.bind().unwrap_err());
    names(&listener.accept_timeout(Duration::ZERO).unwrap_err());
    let mut seen = [0; 2];
    while seen.contains(&0) {
        let error = impatient.connect().unwrap_err();
        names(&error);
        seen[usize::from(matches!(error, ConnectError::QueueFull { .. }))] += 1;
    }
    listener.interrupter().interrupt().unwrap();
    let interrupted = loop {
        if let Err(error) = listener.accept() {
            break error;
        }
    };
    assert!(matches!(interrupted, AcceptError::Interrupted { .. }));
    names(&interrupted);
    drop(listener);
    let mut picky = service(&domain).allow_user(4711).bind().unwrap();
    names(&refused(&mut picky, || service(&domain).connect()).unwrap_err());
    for (set, _) in ipc_core::list::sets().unwrap() {
        ipc_core::sem::SemaphoreSet::from_id(set).remove().unwrap();
    }
    names(&picky.accept().unwrap_err());
}

#[test]
fn a_listener_that_ends_leaves_its_connections() {
    private_namespace();
    let domain = unique("ends");
    let mut listener = service(&domain).bind().unwrap();
    let (mut here, mut there) =
        together(|| listener.accept().unwrap(), || service(&domain).connect().unwrap());
    drop(listener);
    there.send(b"still here").unwrap();
    assert_eq!(here.recv().unwrap(), b"still here");
}

#[test]
fn a_dead_servers_clients_are_told_and_find_its_successor() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("restart");
    let membership = Domain::open(&domain).unwrap();
    let mut server = Role::start("serve-until-told", &[&domain]);
    assert_eq!(server.hear(), "bound");
    let waiting = service(&domain).wait(WaitStrategy::Sleep);
    for life in 0..3 {
        let mut connection = waiting.connect_retrying(Instant::now() + Duration::from_secs(60)).unwrap();
        assert_eq!(server.hear(), nix::unistd::geteuid().as_raw().to_string());
        assert_eq!(connection.recv().unwrap(), b"welcome");
        let pid = server.pid();
        server.kill();
        match connection.recv() {
            Err(PopError::PeerGone(PeerExit::Died { pid: died })) => assert_eq!(died, pid),
            other => panic!("{other:?}"),
        }
        assert!(!connection.session().is_peer_alive().unwrap());
        assert!(matches!(waiting.connect(), Err(ConnectError::NotFound { .. })), "life {life}");
        // The successor starts while the client is already trying.
        let domain = domain.clone();
        let successor = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            let mut server = Role::start("serve-until-told", &[&domain]);
            assert_eq!(server.hear(), "bound");
            server
        });
        server = {
            let mut late = waiting.connect_retrying(Instant::now() + Duration::from_secs(60)).unwrap();
            let mut server = successor.join().unwrap();
            assert!(server.hear().parse::<u32>().is_ok());
            assert_eq!(late.recv().unwrap(), b"welcome");
            drop(late);
            server.tell("enough");
            server.finish();
            let mut next = Role::start("serve-until-told", &[&unique_again(&membership)]);
            assert_eq!(next.hear(), "bound");
            next
        };
    }
    drop(server);
    drop(membership);
    drop(waiting);
    // The queue of a killed server is left to the next process that joins.
    drop(Domain::open(&domain).unwrap());
    assert_eq!(kernel_objects(), before);
}

/// The name of the domain, for one more server.
fn unique_again(domain: &Domain) -> String {
    domain.name().to_owned()
}
