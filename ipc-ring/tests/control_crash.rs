//! Clients and servers that are killed at every named place of the handshake, one by one and many at a time.
//! The server never stops serving, the successor of a dead one starts at once, and in the end no kernel
//! object is left.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::{Mode, Trust};
use ipc_ring::control::{AcceptError, Builder, ConnectError, Connection, Listener};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, PeerExit, PopError, fault};

const LONG: Duration = Duration::from_secs(100);

/// Where a client may die, in the order in which it gets there.
const CLIENT_SITES: [Site; 8] = [
    Site::ControlQueueNoted,
    Site::ControlQueueMade,
    Site::ControlPrepared,
    Site::ControlGreeted,
    Site::ControlChallenged,
    Site::ControlProved,
    Site::ControlWelcomed,
    Site::ControlReady,
];

const SERVER_SITES: [Site; 6] = [
    Site::ControlQueueNoted,
    Site::ControlQueueMade,
    Site::ControlBinding,
    Site::ControlChallenging,
    Site::ControlAdmitting,
    Site::ControlWelcoming,
];

/// The places where clients die in a domain of one user, where no client is challenged.
const BRIEF_CLIENT_SITES: [Site; 6] = [
    Site::ControlQueueNoted,
    Site::ControlQueueMade,
    Site::ControlPrepared,
    Site::ControlGreeted,
    Site::ControlWelcomed,
    Site::ControlReady,
];

const BRIEF_SERVER_SITES: [Site; 5] = [
    Site::ControlQueueNoted,
    Site::ControlQueueMade,
    Site::ControlBinding,
    Site::ControlAdmitting,
    Site::ControlWelcoming,
];

/// A domain of this user's own; or, by its name, one that a group shares, where clients are challenged.
fn domain(name: &str) -> Domain {
    if !name.starts_with("shared") {
        return Domain::open(name).unwrap();
    }
    let mode = Mode::PRIVATE.group_read().group_write();
    let trust = Trust::same_user().mode_at_most(mode);
    Domain::open_shared(name, nix::unistd::geteuid().as_raw(), mode, trust).unwrap()
}

fn service(name: &str) -> Builder {
    Builder::new("service").domain(&domain(name)).timeout(LONG)
}

fn arm(site: &str, after: u64) {
    if let Some(site) = Site::ALL.into_iter().find(|known| format!("{known:?}") == site) {
        fault::arm(site, after);
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["client", domain, site, after, times] => {
            arm(site, after.parse().unwrap());
            for number in 0..times.parse::<u64>().unwrap() {
                // Now and then it leaves the domain in between.
                talk(&service(domain), number);
                if number % 3 > 0 {
                    talk(&service(domain), number);
                }
            }
            say("done");
        }
        ["server", domain, site] => {
            arm(site, 0);
            let mut listener = service(domain).bind().unwrap();
            say("bound");
            let _held = listener.accept();
            common::listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn talk(service: &Builder, number: u64) {
    let mut server = service.connect_retrying(Instant::now() + LONG).unwrap();
    for round in 0..3 {
        let question = format!("{} {number} {round}", std::process::id());
        server.send(question.as_bytes()).unwrap();
        assert_eq!(server.recv().unwrap(), question.as_bytes());
    }
}

/// Answers until the client has gone; true when it was killed.
fn echo(mut client: Connection) -> bool {
    loop {
        match client.recv() {
            Ok(question) => match client.send(&question) {
                Ok(()) => {}
                Err(_) => return true,
            },
            Err(PopError::Closed) => return false,
            Err(PopError::PeerGone(PeerExit::Died { pid })) => {
                assert_eq!(client.peer().pid(), Some(pid));
                return true;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// Serves until `done`, each client in a thread of its own; gives how many were killed while connected.
fn serve(listener: &mut Listener, done: impl Fn() -> bool) -> usize {
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while !done() {
            match listener.accept_timeout(Duration::from_millis(20)) {
                Ok(client) => {
                    scope.spawn(|| killed.fetch_add(usize::from(echo(client)), Ordering::Relaxed));
                }
                Err(AcceptError::TimedOut { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    killed.into_inner()
}

#[test]
fn a_client_killed_at_any_point_leaves_nothing() {
    private_namespace();
    kill_clients(&unique("shared-client-crash"), &CLIENT_SITES);
    kill_clients(&unique("client-crash"), &BRIEF_CLIENT_SITES);
}

fn kill_clients(domain: &str, sites: &[Site]) {
    let before = kernel_objects();
    let mut listener = service(domain).bind().unwrap();
    let alone = kernel_objects();
    assert_eq!(alone.2.len(), before.2.len() + 1);
    for &site in sites {
        let mut client = Role::start("client", &[domain, &format!("{site:?}"), "0", "1"]);
        let accepted = listener.counts().accepted;
        let ended = std::cell::RefCell::new(&mut client);
        // Until it is dead, and its remains are found: by the listener itself, which checks once a second.
        let killed = serve(&mut listener, || ended.borrow_mut().has_ended() && kernel_objects() == alone);
        client.wait_killed();
        // One that was ready may be found dead before its last frame is read.
        let came = listener.counts().accepted - accepted;
        assert_eq!(killed as u64, came, "{site:?}");
        assert!(came <= u64::from(site == Site::ControlReady), "{site:?}");
        // It still serves.
        let mut good = Role::start("client", &[domain, "", "0", "1"]);
        let ended = std::cell::RefCell::new(&mut good);
        assert_eq!(serve(&mut listener, || ended.borrow_mut().has_ended()), 0, "{site:?}");
        good.finish();
        assert_eq!(listener.counts().accepted - accepted, came + 1, "{site:?}");
    }
    let counts = listener.counts();
    // Those that had sent a greeting: found dead later, or when their greeting was read.
    let greeted = sites.iter().skip_while(|site| **site != Site::ControlGreeted).count() as u64;
    assert!((greeted - 1..=greeted).contains(&(counts.greetings - counts.accepted)), "{counts:?}");
    assert_eq!(counts.died + counts.refused, counts.greetings - counts.accepted, "{counts:?}");
    assert_eq!((counts.malformed, counts.stale, counts.timed_out), (0, 0, 0), "{counts:?}");
    drop(listener);
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_server_killed_at_any_point_is_followed_by_another() {
    private_namespace();
    kill_servers(&unique("shared-server-crash"), &SERVER_SITES);
    kill_servers(&unique("server-crash"), &BRIEF_SERVER_SITES);
}

fn kill_servers(name: &str, sites: &[Site]) {
    let before = kernel_objects();
    // Keeps the domain, so that what is left is swept by the successor and not by chance.
    let membership = domain(name);
    for &site in sites {
        let mut server = Role::start("server", &[name, &format!("{site:?}")]);
        let bound = server.hear_or_end().is_some();
        let binds = [Site::ControlQueueNoted, Site::ControlQueueMade, Site::ControlBinding];
        assert_eq!(bound, !binds.contains(&site), "{site:?}");
        match service(name).connect() {
            Err(ConnectError::NotFound { .. }) => assert!(!bound, "{site:?}"),
            Err(ConnectError::ServerGone { .. }) => {
                assert!([Site::ControlChallenging, Site::ControlAdmitting].contains(&site), "{site:?}")
            }
            // The welcome had been sent.
            Ok(mut connection) => {
                assert_eq!(site, Site::ControlWelcoming);
                assert!(matches!(connection.recv(), Err(PopError::PeerGone(PeerExit::Died { .. }))));
            }
            Err(other) => panic!("{site:?}: {other}"),
        }
        server.wait_killed();
        let mut successor = Role::start("server", &[name, ""]);
        assert_eq!(successor.hear(), "bound", "{site:?}");
        let connection = service(name).connect().unwrap();
        assert_eq!(connection.peer().uid(), nix::unistd::geteuid().as_raw());
        successor.tell("enough");
        successor.finish();
    }
    drop(membership);
    assert_eq!(kernel_objects(), before);
}

/// A small random number generator, irregular enough.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Fifty processes at a time connect, talk and leave, repeatedly; every third one is killed at a place of the
/// handshake. Half of them are challenged, the other half are in a domain of one user. `CONTROL_CLIENTS` sets
/// another number of processes.
#[test]
fn many_clients_of_which_some_are_killed_leave_nothing() {
    private_namespace();
    let total: usize = std::env::var("CONTROL_CLIENTS").map_or(150, |text| text.parse().unwrap());
    many_clients(&unique("shared-control-many"), &CLIENT_SITES, total - total / 2);
    many_clients(&unique("control-many"), &BRIEF_CLIENT_SITES, total / 2);
}

fn many_clients(domain: &str, sites: &[Site], total: usize) {
    let before = kernel_objects();
    let mut listener = service(domain).bind().unwrap();
    let alone = kernel_objects();
    let finished = AtomicUsize::new(0);
    let (mut connected, mut in_handshake) = (0, 0);
    let killed = std::thread::scope(|scope| {
        let parent = scope.spawn(|| {
            let mut seed = 0x9e37_79b9_7f4a_7c15;
            let mut running: Vec<(Role, Option<Site>)> = Vec::new();
            let mut victims = vec![0; sites.len()];
            let mut started = 0;
            while started < total || !running.is_empty() {
                while running.len() < 50 && started < total {
                    let site = (started % 3 == 0).then(|| sites[started / 3 % sites.len()]);
                    let name = site.map_or(String::new(), |site| format!("{site:?}"));
                    let after = (next(&mut seed) % 5).to_string();
                    running.push((Role::start("client", &[domain, &name, &after, "4"]), site));
                    started += 1;
                }
                let mut index = 0;
                while index < running.len() {
                    if running[index].0.has_ended() {
                        let (mut client, site) = running.swap_remove(index);
                        match site {
                            Some(site) => {
                                client.wait_killed();
                                victims[sites.iter().position(|other| *other == site).unwrap()] += 1;
                            }
                            None => client.finish(),
                        }
                    } else {
                        index += 1;
                    }
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            finished.store(1, Ordering::SeqCst);
            victims
        });
        let killed =
            serve(&mut listener, || finished.load(Ordering::SeqCst) == 1 && kernel_objects() == alone);
        let victims = parent.join().unwrap();
        for (site, count) in sites.iter().zip(&victims) {
            assert!(*count > 0 || total < 24, "{site:?} was not visited");
        }
        connected = victims[sites.len() - 1];
        in_handshake = victims.iter().sum::<usize>() - connected;
        killed
    });
    assert!(killed <= connected, "{killed} of {connected} who were ready when they died");
    let counts = listener.counts();
    assert!(counts.died <= in_handshake as u64, "{counts:?}");
    assert_eq!((counts.malformed, counts.stale), (0, 0), "{counts:?}");
    assert_eq!(listener.connections(), 0);
    println!(
        "{total} processes, {} connections, {killed} + {in_handshake} killed: {counts:?}",
        counts.accepted
    );
    drop(listener);
    assert_eq!(kernel_objects(), before);
}
