//! Servers that come and go under live clients: several that want one name, several lives of one, and queues
//! that were removed by others.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::msg::{MessageQueue, MsgId};
use ipc_core::{ErrorKind, list};

use ipc_ring::control::{BindError, Builder, ConnectError, Connection, Watch};
use ipc_ring::{Domain, News, PopError, WaitSet, WaitStrategy, spsc};

const LONG: Duration = Duration::from_secs(200);

fn service(domain: &str) -> Builder {
    Builder::new("service").domain(&Domain::open(domain).unwrap()).timeout(LONG)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["race", domain] => {
            let domain = Domain::open(domain).unwrap();
            say("ready");
            listen();
            match Builder::new("service").domain(&domain).bind() {
                Ok(listener) => {
                    say("bound");
                    listen();
                    drop(listener);
                }
                Err(BindError::AlreadyBound { pid, .. }) => say(&format!("{pid} was first")),
                Err(other) => panic!("{other}"),
            }
        }
        // Tells every client which life of the server it is.
        ["serve", domain, life] => {
            let mut listener = service(domain).bind().unwrap();
            say("bound");
            std::thread::scope(|scope| {
                loop {
                    let mut client = listener.accept().unwrap();
                    scope.spawn(move || {
                        client.send(life.as_bytes()).unwrap();
                        // Until the end of either.
                        let _ = client.recv();
                    });
                }
            });
        }
        // Connects repeatedly, and reports each life of the server that it has met.
        ["stay", domain] => {
            let service = service(domain);
            loop {
                let mut server = service.connect_retrying(Instant::now() + LONG).unwrap();
                let life = match server.recv() {
                    Ok(life) => String::from_utf8(life).unwrap(),
                    // It was killed between the welcome and this.
                    Err(PopError::PeerGone(_)) => continue,
                    Err(other) => panic!("{other}"),
                };
                say(&life);
                if life == "last" {
                    return;
                }
                assert!(matches!(server.recv(), Err(PopError::PeerGone(_))), "it was killed");
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn of_many_servers_that_want_one_name_one_has_it() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("race");
    let mut servers: Vec<Role> = (0..6).map(|_| Role::start("race", &[&domain])).collect();
    // First together; then the losers are joined by one more, after the first has been killed.
    for server in &mut servers {
        assert_eq!(server.hear(), "ready");
    }
    for server in &mut servers {
        server.tell("now");
    }
    let said: Vec<String> = servers.iter_mut().map(Role::hear).collect();
    let winner = said.iter().position(|word| word == "bound").expect("one is bound");
    let first = format!("{} was first", servers[winner].pid());
    assert!(said.iter().enumerate().all(|(number, word)| number == winner || *word == first), "{said:?}");
    servers[winner].kill();
    let mut next = Role::start("race", &[&domain]);
    assert_eq!(next.hear(), "ready");
    next.tell("now");
    assert_eq!(next.hear(), "bound", "the name of a dead one is free");
    next.tell("enough");
    next.finish();
    servers.remove(winner);
    servers.into_iter().for_each(Role::finish);
    assert_eq!(kernel_objects(), before);
}

/// The last to leave cleans up after all that died before it looked for live members, whenever that was. No
/// one would find a queue left behind by a domain that is gone.
#[test]
fn a_server_that_dies_while_the_last_other_member_leaves_leaves_nothing() {
    private_namespace();
    let before = kernel_objects();
    for delay in 0..60 {
        let domain = unique("leaves");
        let [mut server, mut other] = [(); 2].map(|()| Role::start("race", &[&domain]));
        for role in [&mut server, &mut other] {
            assert_eq!(role.hear(), "ready");
        }
        server.tell("now");
        assert_eq!(server.hear(), "bound");
        other.tell("now");
        std::thread::sleep(Duration::from_micros(10 * delay));
        server.kill();
        if other.hear() == "bound" {
            other.tell("enough");
        }
        other.finish();
        // If the server outlived the other one, the next to join cleans up.
        drop(Domain::open(&domain).unwrap());
        assert_eq!(kernel_objects(), before, "killed after {} µs", 10 * delay);
    }
}

#[test]
fn live_clients_meet_every_life_of_their_server() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("lives");
    // Kept, so that what the dead leave is swept by newcomers and not by chance.
    let membership = Domain::open(&domain).unwrap();
    let mut clients: Vec<Role> = (0..8).map(|_| Role::start("stay", &[&domain])).collect();
    for life in ["first", "second", "third", "last"] {
        let mut server = Role::start("serve", &[&domain, life]);
        assert_eq!(server.hear(), "bound", "{life}");
        for client in &mut clients {
            assert_eq!(client.hear(), life);
        }
        if life == "last" {
            clients.drain(..).for_each(Role::finish);
        }
        server.kill();
    }
    drop(membership);
    // The last server's queue is left to the next process.
    drop(Domain::open(&domain).unwrap());
    assert_eq!(kernel_objects(), before);
}

/// The only queue there is that `known` does not have.
fn new_queue(known: &[MsgId]) -> MsgId {
    loop {
        let queues: Vec<MsgId> = list::queues().unwrap().into_iter().map(|(id, _)| id).collect();
        if let Some(new) = queues.into_iter().find(|id| !known.contains(id)) {
            return new;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_queue_that_is_removed_is_told_to_its_owner() {
    private_namespace();
    let name = unique("queues");
    let domain = Domain::open(&name).unwrap();
    let remove = |queue: MsgId| MessageQueue::from_id(queue).remove().unwrap();
    // A watcher's.
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let _producer = numbers.create_sender().unwrap();
    let known: Vec<MsgId> = list::queues().unwrap().into_iter().map(|(id, _)| id).collect();
    let mut watch = Watch::new(&domain, "numbers").unwrap();
    remove(new_queue(&known));
    // The notifying end is not affected.
    let consumer = numbers.open_receiver().unwrap();
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    let event = set.wait(&mut [&mut watch], None).unwrap();
    assert_eq!(event.news, News::Ready);
    assert_eq!(watch.next().unwrap_err().kind(), ErrorKind::Removed);
    drop((watch, consumer));

    // A client's, while it waits to be admitted.
    let mut listener = service(&name).bind().unwrap();
    let known: Vec<MsgId> = list::queues().unwrap().into_iter().map(|(id, _)| id).collect();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| service(&name).connect());
        remove(new_queue(&known));
        match client.join().unwrap() {
            Err(ConnectError::System { error, .. }) => assert_eq!(error.kind(), ErrorKind::Removed),
            other => panic!("{other:?}"),
        }
    });
    // The server finds no client to answer, and serves the next one. A client may have been removed before it
    // sent a greeting.
    assert!(matches!(listener.try_accept(), Ok(None)));
    assert_eq!(listener.counts().accepted, 0);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| service(&name).connect().unwrap());
        let mut here: Connection = listener.accept().unwrap();
        let mut there = client.join().unwrap();
        there.send(b"hello").unwrap();
        assert_eq!(here.recv().unwrap(), b"hello");
    });
}
