//! Connecting step by step: no step waits, a set wakes up for the next one, and an abandoned attempt leaves
//! nothing behind.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_ring::control::{Builder, ConnectError, Connecting, Connection, Frames, Listener, Values};
use ipc_ring::{AttachErrorKind, Domain, WaitSet, WaitStrategy};

/// The semaphore that is a domain's lock.
const LOCK: u16 = 0;
const ROUNDS: usize = 50;

fn service(domain: &str) -> Builder {
    Builder::new("service").domain(&Domain::open(domain).unwrap()).timeout(Duration::from_secs(60))
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<_> = role.iter().map(String::as_str).collect();
    let mut listener = service(arguments[1]).bind().unwrap();
    say("bound");
    match arguments[..] {
        ["greet", _] => {
            for _ in 0..ROUNDS {
                listener.accept().unwrap().send(b"welcome").unwrap();
            }
        }
        ["ignore", _] => {
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn start(role: &str, domain: &str) -> Role {
    let mut child = Role::start(role, &[domain]);
    assert_eq!(child.hear(), "bound");
    child
}

/// Connects, waiting in the set only; returns the number of waits.
fn connect(set: &mut WaitSet, connecting: &mut Connecting) -> (Result<Connection, ConnectError>, u32) {
    let mut waits = 0;
    loop {
        match connecting.try_connect() {
            Ok(None) => {
                waits += 1;
                set.wait(&mut [connecting], None).unwrap();
            }
            Ok(Some(connection)) => return (Ok(connection), waits),
            Err(error) => return (Err(error), waits),
        }
    }
}

/// Fills the queue of a server that does not accept.
fn fill(domain: &str) {
    let impatient = service(domain).timeout(Duration::from_millis(1));
    while !matches!(impatient.connect(), Err(ConnectError::QueueFull { .. })) {}
}

/// A stray wake-up ends the program: see `common`.
#[test]
fn a_set_wakes_up_for_each_step() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("connecting");
    for strategy in [WaitStrategy::Sleep, WaitStrategy::DEFAULT] {
        let child = start("greet", &domain);
        let service = service(&domain);
        let mut set = WaitSet::with_strategy(&Domain::open(&domain).unwrap(), strategy).unwrap();
        // It restarts after each connection.
        let mut connecting = service.connecting().unwrap();
        let mut all = 0;
        for _ in 0..ROUNDS {
            let (connection, waits) = connect(&mut set, &mut connecting);
            assert_eq!(connection.unwrap().recv().unwrap(), b"welcome");
            all += waits;
        }
        assert!(all > 0, "the server cannot have answered so often before it was looked for");
        child.finish();
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn it_may_carry_anything_and_says_what_is_wrong() {
    private_namespace();
    let name = unique("connecting-kinds");
    let domain = Domain::open(&name).unwrap();
    let service = Builder::new("orders").domain(&domain);
    let mut connecting = service.connecting_as::<Values<u64>, Frames>().unwrap();
    let missing = connecting.try_connect();
    assert!(matches!(missing, Err(ConnectError::NotFound { .. })), "{missing:?}");
    assert!(Builder::new("").domain(&domain).connecting().is_err());
    let mut listener = service.bind_as::<Values<u64>, Frames>().unwrap();
    let (mut client, mut server) = (None, None);
    while client.is_none() {
        client = connecting.try_connect().unwrap();
        server = server.or(listener.try_accept().unwrap());
    }
    client.unwrap().send_value(7).unwrap();
    assert_eq!(server.unwrap().recv_value().unwrap(), 7);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    private_namespace();
    let domain = unique("connecting-deaf");
    let mut child = start("ignore", &domain);
    let mut set = WaitSet::new(&Domain::open(&domain).unwrap()).unwrap();
    let before = kernel_objects();
    let short = Duration::from_millis(150);
    let started = Instant::now();
    let (told, waits) = connect(&mut set, &mut service(&domain).timeout(short).connecting().unwrap());
    assert!(matches!(told, Err(ConnectError::TimedOut { .. })) && waits > 0, "{told:?}");
    assert!(started.elapsed() >= short);
    fill(&domain);
    let (told, _) = connect(&mut set, &mut service(&domain).timeout(short).connecting().unwrap());
    assert!(matches!(told, Err(ConnectError::QueueFull { .. })), "{told:?}");
    assert_eq!(kernel_objects(), before);
    // It dies while it is waited for.
    let mut connecting = service(&domain).connecting().unwrap();
    assert!(matches!(connecting.try_connect(), Ok(None)));
    child.kill();
    let (told, _) = connect(&mut set, &mut connecting);
    assert!(matches!(told, Err(ConnectError::ServerGone { .. })), "{told:?}");
    child.wait_killed();
}

#[test]
fn room_in_the_queue_is_waited_for() {
    private_namespace();
    let domain = unique("connecting-full");
    let mut listener = service(&domain).bind().unwrap();
    fill(&domain);
    let mut connecting = service(&domain).connecting().unwrap();
    for _ in 0..3 {
        assert!(matches!(connecting.try_connect(), Ok(None)));
    }
    let server = std::thread::spawn(move || (listener.accept().unwrap(), listener));
    let mut set = WaitSet::new(&Domain::open(&domain).unwrap()).unwrap();
    connect(&mut set, &mut connecting).0.unwrap().send(b"came through").unwrap();
    assert_eq!(server.join().unwrap().0.recv().unwrap(), b"came through");
}

#[test]
fn the_domains_lock_is_not_waited_for() {
    private_namespace();
    let domain = unique("connecting-locked");
    let mut listener = service(&domain).bind().unwrap();
    let mut connecting = service(&domain).connecting().unwrap();
    let mut impatient = service(&domain).timeout(Duration::from_millis(1)).connecting().unwrap();
    let mut set = WaitSet::new(listener.domain()).unwrap();
    let sets = ipc_core::list::sets().unwrap();
    let [(id, _)] = sets[..] else { panic!("a namespace with one domain has other sets: {sets:?}") };
    let semaphores = SemaphoreSet::from_id(id);
    semaphores.perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1)]).unwrap();
    for _ in 0..3 {
        assert!(matches!(connecting.try_connect(), Ok(None)));
    }
    let (told, _) = connect(&mut set, &mut impatient);
    let Err(ConnectError::Attach(error)) = told else { panic!("{told:?}") };
    assert!(matches!(error.kind(), AttachErrorKind::LockTimeout { .. }), "{error:?}");
    semaphores.perform(&[Op::take(LOCK, 1)]).unwrap();
    let server = std::thread::spawn(move || (listener.accept().unwrap(), listener));
    connect(&mut set, &mut connecting).0.unwrap().send(b"its turn").unwrap();
    assert_eq!(server.join().unwrap().0.recv().unwrap(), b"its turn");
}

/// Waits until the listener has noticed that its clients have gone.
fn settle(listener: &mut Listener, before: &(Vec<String>, Vec<String>, Vec<String>)) {
    while kernel_objects() != *before {
        assert!(listener.accept_timeout(Duration::from_millis(10)).is_err());
    }
}

#[test]
fn given_up_at_any_step_it_leaves_nothing() {
    private_namespace();
    let domain = unique("connecting-dropped");
    let mut listener = service(&domain).bind().unwrap();
    let before = kernel_objects();
    for steps in 0.. {
        let mut connecting = service(&domain).connecting().unwrap();
        let mut client = None;
        for _ in 0..steps {
            client = connecting.try_connect().unwrap();
            drop(listener.try_accept().unwrap());
        }
        drop(connecting);
        drop(listener.try_accept().unwrap());
        let is_connected = client.is_some();
        drop(client);
        settle(&mut listener, &before);
        if is_connected {
            assert!(steps > 1);
            break;
        }
    }
    assert_eq!(listener.connections(), 0);
}
