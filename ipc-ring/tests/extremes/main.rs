//! The shortest and longest durations, the earliest and latest points in time, zero and the maximum of every
//! count: an answer or an error, never a panic, and no wait that ends before it should.

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod control;
#[path = "../kinds/mod.rs"]
mod kinds;
mod listed;
#[path = "../spsc_common/mod.rs"]
mod spsc_common;
mod timeouts;

use std::thread;
use std::time::{Duration, Instant};

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::control::Builder as Service;
use ipc_ring::{
    Domain, WaitSet, WaitSetError, WaitStrategy, broadcast, bytes, call, latest, mpmc, pool, spsc,
};
use kinds::{ALL, CAPACITY, Giver, How, Kind, STRATEGIES, Taker, Told};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let ["member", domain] = role.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("{role:?}")
    };
    let _domain = Domain::open(domain).unwrap();
    say(&std::process::id().to_string());
    listen();
}

/// Times that are over at once.
const NOTHING: [Duration; 2] = [Duration::ZERO, Duration::from_nanos(1)];
/// Times that are never over.
const FOR_EVER: [Duration; 3] =
    [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::from_nanos(u64::MAX)];

/// Every way to wait, with every limit to polling.
fn strategies() -> impl Iterator<Item = WaitStrategy> {
    let spins = NOTHING.into_iter().chain(FOR_EVER);
    STRATEGIES.into_iter().chain(spins.map(|spin| WaitStrategy::SpinSleep { spin }))
}

/// As far away from now as the clock goes.
fn farthest(step: impl Fn(Instant, Duration) -> Option<Instant>) -> Instant {
    let (mut time, mut by) = (Instant::now(), Duration::MAX);
    while !by.is_zero() {
        match step(time, by) {
            Some(farther) => time = farther,
            None => by /= 2,
        }
    }
    time
}

/// Deadlines that have passed.
fn past() -> [Instant; 3] {
    let now = Instant::now();
    [now, now.checked_sub(Duration::from_secs(1)).unwrap(), farthest(|time, by| time.checked_sub(by))]
}

fn latest_instant() -> Instant {
    farthest(|time, by| time.checked_add(by))
}

fn ends(kind: Kind, domain: &Domain, wait: WaitStrategy) -> (Box<dyn Giver>, Box<dyn Taker>) {
    let how = How::new(domain, wait);
    let taker = (kind.taker)(how).unwrap();
    ((kind.giver)(how).unwrap(), taker)
}

/// Each thread that polls on one CPU keeps the other one from running, which ends take into account.
fn on_one_cpu() {
    let mine = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let first = (0..CpuSet::count()).find(|cpu| mine.is_set(*cpu).unwrap()).unwrap();
    let mut one = CpuSet::new();
    one.set(first).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}

fn lengths_of_time_for(kind: Kind, wait: WaitStrategy, pinned: bool) {
    let domain = Domain::open(&unique("lengths")).unwrap();
    let (mut giver, mut taker) = ends(kind, &domain, wait);
    let what = format!("{} {wait:?}", kind.name);
    for nothing in NOTHING {
        assert_eq!(taker.take(nothing), Told::TimedOut, "{what}");
    }
    for (number, patience) in (1..).zip(FOR_EVER) {
        let told = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                if pinned {
                    on_one_cpu();
                }
                taker.take(patience)
            });
            if pinned {
                on_one_cpu();
            }
            // Long enough to have begun to wait, and for some to have fallen asleep.
            thread::sleep(Duration::from_millis(3));
            assert_eq!(giver.give(number, patience), Told::Yes, "{what}");
            waiting.join().unwrap()
        });
        assert_eq!(told, Told::Number(number), "{what}, for {patience:?}");
    }
    if !kind.fills {
        return;
    }
    let mut given = 10;
    while giver.give(given, Duration::ZERO) == Told::Yes {
        given += 1;
        assert!(given < 10 + 4 * CAPACITY, "{what}: it is never full");
    }
    for nothing in NOTHING {
        assert_eq!(giver.give(given, nothing), Told::TimedOut, "{what}");
    }
    for patience in FOR_EVER.into_iter().filter(|_| kind.name != "pool" && kind.name != "payloads") {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| giver.give(given, patience));
            thread::sleep(Duration::from_millis(3));
            while !waiting.is_finished() {
                taker.take(Duration::from_millis(1));
            }
            assert_eq!(waiting.join().unwrap(), Told::Yes, "{what}, for {patience:?}");
        });
        // Full again.
        while giver.give(given, Duration::ZERO) == Told::Yes {}
    }
}

/// Whatever the limit to polling, and however long the wait.
#[test]
fn lengths_of_time() {
    private_namespace();
    for kind in ALL {
        for wait in strategies() {
            lengths_of_time_for(kind, wait, false);
        }
    }
}

/// The same where the two ends share a CPU, so that even the most patient poller sleeps.
#[test]
fn lengths_of_time_on_one_cpu() {
    private_namespace();
    for kind in ALL {
        for wait in strategies().filter(|wait| !matches!(wait, WaitStrategy::Spin)) {
            thread::scope(|scope| {
                // With a namespace and a CPU of its own.
                scope.spawn(|| lengths_of_time_for(kind, wait, true));
            });
        }
    }
}

/// Sets, by every way to wait.
#[test]
fn deadlines_of_sets() {
    private_namespace();
    for kind in ALL {
        for wait in strategies() {
            let domain = Domain::open(&unique("sets")).unwrap();
            let (mut giver, mut taker) = ends(kind, &domain, wait);
            let mut set = WaitSet::with_strategy(&domain, wait).unwrap();
            for deadline in past() {
                let waited = set.wait(&mut [taker.waitable()], Some(deadline));
                assert!(matches!(waited, Err(WaitSetError::TimedOut)), "{} {wait:?}", kind.name);
            }
            let deadline = latest_instant();
            thread::scope(|scope| {
                let waiting =
                    scope.spawn(|| set.wait(&mut [taker.waitable()], Some(deadline)).unwrap().index);
                thread::sleep(Duration::from_millis(3));
                assert_eq!(giver.give(1, Duration::MAX), Told::Yes);
                assert_eq!(waiting.join().unwrap(), 0);
            });
        }
    }
}

/// Waits for the other end to come, evictions, and waits for a process to end.
#[test]
fn times_of_peers() {
    private_namespace();
    let name = unique("peers");
    let domain = Domain::open(&name).unwrap();
    for patience in NOTHING.into_iter().chain(FOR_EVER) {
        let is_short = NOTHING.contains(&patience);
        macro_rules! comes {
            ($builder:expr, $one:ident, $wait:ident, $other:ident) => {{
                let builder = $builder;
                #[allow(unused_mut, reason = "some wait with more")]
                let mut one = builder.$one().unwrap();
                thread::scope(|scope| {
                    let waiting = scope.spawn(move || one.$wait(Some(patience)).is_ok());
                    if !is_short {
                        thread::sleep(Duration::from_millis(3));
                        let other = builder.$other().unwrap();
                        assert!(waiting.join().unwrap());
                        drop(other);
                    }
                });
            }};
        }
        let spsc = || spsc::Builder::<u64>::new(&unique("spsc")).domain(&domain);
        comes!(spsc(), create_receiver, wait_for_peer, open_sender);
        comes!(spsc(), create_sender, wait_for_peer, open_receiver);
        let bytes = || bytes::Builder::new(&unique("bytes")).domain(&domain);
        comes!(bytes(), create_receiver, wait_for_peer, open_sender);
        comes!(bytes(), create_sender, wait_for_peer, open_receiver);
        let call = || call::Builder::<u64, u64>::new(&unique("call")).domain(&domain);
        comes!(call(), create_sender, wait_for_peer, open_receiver);
        comes!(call(), create_receiver, wait_for_peer, open_sender);
        let latest = || latest::Builder::<u64>::new(&unique("latest")).domain(&domain);
        comes!(latest(), create_receiver, wait_for_peer, open_sender);
        let name = unique("found");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| domain.wait_for(&name, patience).unwrap());
            if !is_short {
                thread::sleep(Duration::from_millis(3));
                let found = spsc::Builder::<u64>::new(&name).domain(&domain).create_receiver().unwrap();
                assert!(waiting.join().unwrap().is_some());
                drop(found);
            }
        });
    }
    let mut child = Role::start("member", &[&name]);
    let pid = child.hear().parse().unwrap();
    let owner = domain.owner_of(pid).unwrap().unwrap();
    for deadline in past() {
        assert!(!domain.wait_for_exit(owner, deadline).unwrap());
    }
    let latest = latest_instant();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| domain.wait_for_exit(owner, latest).unwrap());
        thread::sleep(Duration::from_millis(3));
        child.kill();
        assert!(waiting.join().unwrap());
    });
    let mut child = Role::start("member", &[&name]);
    let pid = child.hear().parse().unwrap();
    let owner = domain.owner_of(pid).unwrap().unwrap();
    assert!(domain.evict(owner, latest).unwrap());
    assert!(domain.evict(owner, past()[2]).unwrap(), "it is gone already");
}

/// No count makes a builder panic, or create anything else than specified.
#[test]
fn counts_of_builders() {
    private_namespace();
    let domain = Domain::open(&unique("counts")).unwrap();
    for count in [0, 1, 2, 3, 1 << 31, 1 << 32, (1 << 61) + 1, 1 << 62, 1 << 63, (1 << 63) + 1, u64::MAX] {
        let spsc = spsc::Builder::<u64>::new(&unique("spsc")).domain(&domain).capacity(count);
        assert!(spsc.create_sender().is_ok_and(|end| end.capacity() >= count) || !(1..=3).contains(&count));
        let large = spsc::Builder::<[u64; 100]>::new(&unique("large")).domain(&domain).capacity(count);
        let _ = large.create_receiver();
        let mpmc = mpmc::Builder::<u64>::new(&unique("mpmc")).domain(&domain).capacity(count);
        assert!(mpmc.create_sender().is_ok_and(|end| end.capacity() >= count) || !(1..=3).contains(&count));
        let _ = bytes::Builder::new(&unique("bytes")).domain(&domain).capacity(count).create_sender();
        let broadcast = broadcast::Builder::<u64>::new(&unique("broadcast")).domain(&domain).capacity(count);
        let _ = broadcast.create_sender();
        let frames = broadcast::frames::Builder::new(&unique("frames")).domain(&domain).capacity(count);
        let _ = frames.create_sender();
        let pool = pool::Builder::new(&unique("pool")).domain(&domain);
        let _ = pool.class(64, count).create();
        let size = usize::try_from(count).unwrap();
        let pool = pool::Builder::new(&unique("pool")).domain(&domain);
        let _ = pool.clone().class(size, 1).create();
        let _ = pool.class(size, count).create();
        let keys = u32::try_from(count).unwrap_or(u32::MAX);
        let table = latest::TableBuilder::<u64>::new(&unique("table")).domain(&domain).keys(keys);
        let _ = table.create_sender();
        let service = Service::new(&unique("service")).domain(&domain).capacity(count);
        let _ = service.bind();
        let _ = service.timeout(Duration::from_millis(1)).connect();
    }
}

/// Nor one given to an end.
#[test]
fn counts_of_ends() {
    private_namespace();
    let domain = Domain::open(&unique("counts")).unwrap();
    let bytes = bytes::Builder::new("bytes").domain(&domain).capacity(256);
    let (mut producer, _consumer) = (bytes.create_sender().unwrap(), bytes.open_receiver().unwrap());
    let frames = broadcast::frames::Builder::new("frames").domain(&domain).capacity(256);
    let mut publisher = frames.create_sender().unwrap();
    let pool = pool::Builder::new("pool").domain(&domain).class(64, 1).create().unwrap();
    let payloads = broadcast::payloads::Builder::new("payloads", &pool);
    let mut lender = payloads.create_sender().unwrap();
    for len in [0, 1, 255, 256, 257, usize::MAX / 2, usize::MAX - 8, usize::MAX - 7, usize::MAX] {
        let small = len <= 1;
        assert_eq!(producer.try_claim(len).map(drop).is_ok(), small, "bytes {len}");
        assert_eq!(producer.claim(len).map(drop).is_ok(), small, "bytes {len}");
        assert_eq!(publisher.try_claim(len).map(drop).is_ok(), small, "frames {len}");
        assert_eq!(pool.try_loan(len).map(drop).is_ok(), small, "pool {len}");
        assert_eq!(pool.loan(len).map(drop).is_ok(), small, "pool {len}");
        assert_eq!(lender.loan(len).map(drop).is_ok(), small, "payloads {len}");
    }
    let table = latest::TableBuilder::<u64>::new("table").domain(&domain).keys(2);
    let (mut writer, mut reader) = (table.create_sender().unwrap(), table.open_receiver().unwrap());
    for key in [2, u32::MAX / 2, u32::MAX] {
        writer.publish(key, 1).unwrap_err();
        writer.publish_at(key, &1, u64::MAX).unwrap_err();
        writer.sequence(key).unwrap_err();
        reader.get(key).unwrap_err();
        reader.get_newer(key).unwrap_err();
        reader.sequence(key).unwrap_err();
        reader.seen(key).unwrap_err();
        reader.wait_timeout(key, Duration::ZERO).unwrap_err();
    }
    for time in [0, 1, u64::MAX] {
        writer.publish_at(1, &time, time).unwrap();
        let newest = reader.get(1).unwrap().unwrap();
        assert_eq!((newest.value, newest.time_ns), (time, time));
        let _ = format!("{newest:?}");
    }
}
