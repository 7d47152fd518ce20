//! Observing a domain from outside: its contents, waiting for a name, and the events of a channel.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{Builder, ChannelEvent, EndInfo, EndRole, MAX_USER_MESSAGE, NameInfo, Named, Watch};
use ipc_ring::{AttachError, AttachErrorKind, Domain, broadcast, bytes, mpmc, spsc};

const LONG: Duration = Duration::from_secs(100);

#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["consume", domain] => {
            let _consumer = spsc::Builder::<u64>::new("numbers")
                .domain(&Domain::open(domain).unwrap())
                .open_receiver()
                .unwrap();
            say("attached");
            listen();
        }
        ["work", domain] => {
            let domain = Domain::open(domain).unwrap();
            let _worker = mpmc::Builder::<u64>::new("jobs").domain(&domain).open_receiver().unwrap();
            let mut watch = Watch::new(&domain, "jobs").unwrap();
            say("watching");
            loop {
                match watch.next().unwrap() {
                    ChannelEvent::Message { from, bytes } => {
                        let text = String::from_utf8(bytes).unwrap();
                        assert_eq!(watch.tell_one(from.owner, format!("{text}?").as_bytes()).unwrap(), 1);
                    }
                    ChannelEvent::StatsRequested { by } => {
                        watch.answer(by, &[1, 2, u64::from(std::process::id())]).unwrap();
                    }
                    ChannelEvent::Evicted { code, .. } => {
                        say(&format!("evicted {code}"));
                        break;
                    }
                    // The other workers.
                    ChannelEvent::Joined(_) | ChannelEvent::Left(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        ["appear", domain] => {
            listen();
            let domain = Domain::open(domain).unwrap();
            let _ring = bytes::Builder::new("late").domain(&domain).create_sender().unwrap();
            let _listener = Builder::new("later").domain(&domain).bind().unwrap();
            say("there");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn channel(info: &NameInfo) -> &ipc_ring::control::ChannelInfo {
    match &info.what {
        Named::Channel(channel) => channel,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_domain_lists_its_processes_channels_and_listeners() {
    private_namespace();
    let domain = Domain::open(&unique("list")).unwrap();
    let me = std::process::id();
    assert_eq!(domain.list().unwrap().names, []);
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(64);
    let _producer = numbers.create_sender().unwrap();
    let _log = bytes::Builder::new("log").domain(&domain).capacity(4096).create_receiver().unwrap();
    let jobs = mpmc::Builder::<[u32; 4]>::new("jobs").domain(&domain).capacity(32);
    let _jobs = [jobs.create_sender().unwrap(), jobs.create_sender().unwrap()];
    let _worker = jobs.open_receiver().unwrap();
    let quotes = broadcast::Builder::<u16>::new("quotes").domain(&domain);
    let _publisher = quotes.create_sender().unwrap();
    let _listener = Builder::new("service").domain(&domain).capacity(8192).bind().unwrap();
    let mut child = Role::start("consume", &[domain.name()]);
    assert_eq!(child.hear(), "attached");

    let listing = domain.list().unwrap();
    let names: Vec<&str> = listing.names.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["jobs", "log", "numbers", "quotes", "service"]);
    let mut pids: Vec<u32> = listing.processes.iter().map(|process| process.pid).collect();
    pids.sort_unstable();
    let mut expected = [me, child.pid()];
    expected.sort_unstable();
    assert_eq!(pids, expected);
    assert!(listing.processes.iter().all(|process| process.is_alive));
    assert_eq!(listing.queues, 1);

    let ends = |info: &NameInfo| {
        let mut ends: Vec<_> =
            channel(info).ends.iter().map(|end| (end.role, end.pid, end.is_alive)).collect();
        ends.sort_unstable();
        ends
    };
    let [jobs, log, numbers, quotes, service] = &listing.names[..] else { panic!() };
    let (producer, consumer) = (EndRole::Producer, EndRole::Consumer);
    assert_eq!(ends(jobs), [(producer, me, true), (producer, me, true), (consumer, me, true)]);
    assert_eq!(ends(log), [(consumer, me, true)]);
    assert_eq!(ends(numbers), [(producer, me, true), (consumer, child.pid(), true)]);
    assert_eq!(ends(quotes), [(producer, me, true)]);
    let shape = |info: &NameInfo| {
        let channel = channel(info);
        (channel.kind_name(), channel.capacity, channel.element_size, channel.is_persistent)
    };
    assert_eq!(shape(jobs), ("mpmc", 32, 16, false));
    assert_eq!(shape(log), ("bytes", 4096, 1, false));
    assert_eq!(shape(numbers), ("spsc", 64, 8, false));
    assert_eq!(shape(quotes).0, "broadcast");
    match &service.what {
        Named::Listener(listener) => {
            assert_eq!((listener.pid, listener.is_alive, listener.up, listener.down), (me, true, 8192, 8192));
        }
        other => panic!("{other:?}"),
    }
    assert!(listing.names.iter().all(|info| info.creator == domain.me()));

    // A killed process stays in the list until a sweep, and is shown as dead.
    child.kill();
    let numbers = domain.look_up("numbers").unwrap().unwrap();
    assert_eq!(ends(&numbers), [(producer, me, true), (consumer, child.pid(), false)]);
    let dead: Vec<u32> = domain
        .list()
        .unwrap()
        .processes
        .iter()
        .filter(|process| !process.is_alive)
        .map(|process| process.pid)
        .collect();
    assert_eq!(dead, [child.pid()]);
    assert_eq!(domain.look_up("nothing").unwrap(), None);
    assert!(matches!(
        domain.look_up("").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::InvalidName { .. })
    ));
}

#[test]
fn a_name_that_appears_wakes_those_who_wait_for_it() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("appear")).unwrap();
    assert_eq!(domain.wait_for("late", Duration::from_millis(20)).unwrap(), None);
    let mut child = Role::start("appear", &[domain.name()]);
    let (late, later) = std::thread::scope(|scope| {
        let late = scope.spawn(|| domain.wait_for("late", LONG).unwrap().unwrap());
        let later = scope.spawn(|| domain.wait_for("later", LONG).unwrap().unwrap());
        // Both are in the table of queues before anything appears.
        while domain.list().unwrap().queues < 2 {
            std::thread::yield_now();
        }
        child.tell("now");
        (late.join().unwrap(), later.join().unwrap())
    });
    assert_eq!(channel(&late).kind_name(), "bytes");
    assert!(matches!(later.what, Named::Listener(_)));
    assert_eq!(child.hear(), "there");
    assert_eq!(domain.wait_for("late", Duration::ZERO).unwrap(), Some(late));
    child.tell("enough");
    child.finish();
    assert_eq!(domain.list().unwrap().queues, 0);
    drop(domain);
    assert_eq!(kernel_objects(), before);
}

#[test]
fn comings_goings_and_deaths_are_told() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("events")).unwrap();
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let producer = numbers.create_sender().unwrap();
    let mut watch = Watch::new(&domain, "numbers").unwrap();
    let me = EndInfo { role: EndRole::Producer, owner: domain.me(), pid: std::process::id(), is_alive: true };
    assert_eq!(watch.ends().unwrap(), [me]);
    assert_eq!(watch.next_timeout(Duration::ZERO).unwrap(), None);

    // One that joins and is killed.
    let mut child = Role::start("consume", &[domain.name()]);
    assert_eq!(child.hear(), "attached");
    let ChannelEvent::Joined(joined) = watch.next().unwrap() else { panic!() };
    assert_eq!((joined.role, joined.pid, joined.is_alive), (EndRole::Consumer, child.pid(), true));
    child.kill();
    assert_eq!(watch.next().unwrap(), ChannelEvent::Died(EndInfo { is_alive: false, ..joined }));
    // Its successor, which reports that it found a dead one, which is known already.
    let consumer = numbers.open_receiver().unwrap();
    let mine = EndInfo { role: EndRole::Consumer, ..me };
    assert_eq!(watch.next().unwrap(), ChannelEvent::Joined(mine));
    drop(consumer);
    assert_eq!(watch.next().unwrap(), ChannelEvent::Left(mine));
    drop(producer);
    assert_eq!(watch.next().unwrap(), ChannelEvent::Closing(me));
    assert_eq!(watch.next_timeout(Duration::from_millis(250)).unwrap(), None);
    assert_eq!((watch.ends().unwrap(), watch.missed()), (vec![], 0));
    // Nothing is reported of another channel of this name.
    let _again = numbers.create_sender().unwrap();
    assert_eq!(watch.next_timeout(Duration::ZERO).unwrap(), None);
    drop((watch, _again, numbers, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn users_of_a_channel_talk_beside_it() {
    private_namespace();
    let domain = Domain::open(&unique("talk")).unwrap();
    let jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain);
    let _owner = jobs.create_sender().unwrap();
    let mut watch = Watch::new(&domain, "jobs").unwrap();
    assert_eq!(watch.tell(b"anybody?").unwrap(), 0);
    let mut children: Vec<Role> = (0..2).map(|_| Role::start("work", &[domain.name()])).collect();
    let mut workers = Vec::new();
    for child in &mut children {
        assert_eq!(child.hear(), "watching");
    }
    for _ in 0..2 {
        let ChannelEvent::Joined(end) = watch.next().unwrap() else { panic!() };
        workers.push(end);
    }
    let long = vec![b'x'; MAX_USER_MESSAGE - 1];
    assert_eq!(watch.tell(&long).unwrap(), 2);
    for _ in 0..2 {
        let ChannelEvent::Message { from, bytes } = watch.next().unwrap() else { panic!() };
        assert!(workers.iter().any(|worker| (worker.owner, worker.pid) == (from.owner, from.pid)));
        assert_eq!((bytes.len(), bytes.last()), (MAX_USER_MESSAGE, Some(&b'?')));
    }
    assert_eq!(watch.ask_for_stats().unwrap(), 2);
    for _ in 0..2 {
        let ChannelEvent::Stats { from, values } = watch.next().unwrap() else { panic!() };
        assert_eq!(values, [1, 2, u64::from(from.pid)]);
    }
    for (code, worker) in workers.iter().enumerate() {
        assert_eq!(watch.evict(worker.owner, code as u64 + 5).unwrap(), 1);
        let ChannelEvent::Left(end) = watch.next().unwrap() else { panic!() };
        assert_eq!(end.owner, worker.owner);
    }
    let mut said: Vec<String> = children.iter_mut().map(Role::hear).collect();
    said.sort();
    assert_eq!(said, ["evicted 5", "evicted 6"]);
    children.into_iter().for_each(Role::finish);
}

#[test]
fn a_watcher_that_does_not_read_holds_no_process_up() {
    private_namespace();
    let domain = Domain::open(&unique("deaf")).unwrap();
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let _producer = numbers.create_sender().unwrap();
    let mut watch = Watch::new(&domain, "numbers").unwrap();
    let mut comings = 0;
    while watch.missed() == 0 {
        drop(numbers.open_receiver().unwrap());
        comings += 1;
    }
    let mut told = 0;
    while watch.next_timeout(Duration::ZERO).unwrap().is_some() {
        told += 1;
    }
    assert_eq!(told + watch.missed(), 2 * comings, "each arrival and departure is reported or counted");
    assert!(told > 100);
    assert!(matches!(
        Watch::new(&domain, "nothing").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let _listener = Builder::new("service").domain(&domain).bind().unwrap();
    assert!(matches!(
        Watch::new(&domain, "service").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { .. })
    ));
}

/// One thread waits for data, for clients and for events alike, with one semaphore.
#[test]
fn one_set_waits_for_data_clients_and_events() {
    private_namespace();
    let domain = Domain::open(&unique("set")).unwrap();
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let mut producer = numbers.create_sender().unwrap();
    let mut consumer = numbers.open_receiver().unwrap();
    let other = mpmc::Builder::<u64>::new("jobs").domain(&domain);
    let _jobs = other.create_sender().unwrap();
    let mut watch = Watch::new(&domain, "jobs").unwrap();
    let service = Builder::new("service").domain(&domain);
    let mut listener = service.bind().unwrap();
    let mut set = ipc_ring::WaitSet::with_strategy(&domain, ipc_ring::WaitStrategy::Sleep).unwrap();
    std::thread::scope(|scope| {
        let pusher = scope.spawn(move || {
            let pause = || std::thread::sleep(Duration::from_millis(20));
            for round in 0..5 {
                pause();
                producer.push(round).unwrap();
                pause();
                drop(other.open_receiver().unwrap());
                pause();
                let mut server = service.connect().unwrap();
                server.send(b"hello").unwrap();
                assert_eq!(server.recv().unwrap(), b"you");
            }
            producer
        });
        let (mut popped, mut events, mut clients) = (0, 0, Vec::new());
        while popped < 5 || events < 10 || clients.len() < 5 {
            let event = set.wait(&mut [&mut consumer, &mut watch, &mut listener], None).unwrap();
            assert_eq!(event.news, ipc_ring::News::Ready);
            match event.index {
                0 => {
                    assert_eq!(consumer.try_pop().unwrap(), popped);
                    popped += 1;
                }
                1 => events += u64::from(watch.next_timeout(Duration::ZERO).unwrap().is_some()),
                _ => {
                    if let Some(mut client) = listener.try_accept().unwrap() {
                        // Its ring can be waited for by the same set.
                        let event = set.wait(&mut [client.receiver().unwrap()], None).unwrap();
                        assert_eq!(event.index, 0);
                        assert_eq!(client.recv().unwrap(), b"hello");
                        client.send(b"you").unwrap();
                        clients.push(client);
                    }
                }
            }
        }
        drop(pusher.join().unwrap());
    });
    // By itself it wakes as before.
    let domain = listener.domain().clone();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| Builder::new("service").domain(&domain).connect().unwrap());
        drop(listener.accept().unwrap());
        drop(client.join().unwrap());
    });
}
