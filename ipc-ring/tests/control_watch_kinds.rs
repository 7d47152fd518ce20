//! Watching channels of every kind: their names, their holders, and how ends join, leave, close and die. A
//! death is reported at once, by the kernel.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{ChannelEvent, EndRole, Named, Watch};
use ipc_ring::{Domain, News, WaitSet, WaitStrategy, broadcast, bytes, call, latest, mpmc, pool, spsc};

const KINDS: [&str; 8] = ["spsc", "bytes", "mpmc", "broadcast", "broadcast-bytes", "latest", "call", "pool"];

/// How an end leaves a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    Closes,
    Detaches,
}

/// Holds an end until it receives the way to leave.
type Held = Box<dyn FnOnce(Going)>;

/// Makes or finds the channel `kind` and takes the end that decides about its stream.
fn hold(domain: &Domain, kind: &str) -> Held {
    /// An end that has `close` and `detach`.
    macro_rules! end {
        ($end:expr) => {{
            let end = $end.unwrap();
            Box::new(move |going| if going == Going::Closes { end.close() } else { end.detach() })
        }};
    }
    match kind {
        "spsc" => end!(spsc::Builder::<u64>::new(kind).domain(domain).create_sender()),
        "bytes" => end!(bytes::Builder::new(kind).domain(domain).create_sender()),
        "broadcast" => end!(broadcast::Builder::<u64>::new(kind).domain(domain).create_sender()),
        "broadcast-bytes" => end!(broadcast::frames::Builder::new(kind).domain(domain).create_sender()),
        "latest" => end!(latest::Builder::<u64>::new(kind).domain(domain).create_sender()),
        "call" => end!(call::Builder::<u64, u64>::new(kind).domain(domain).create_sender()),
        // One of many ends: it closes for all, or leaves alone.
        "mpmc" => {
            let end = mpmc::Builder::<u64>::new(kind).domain(domain).create_sender().unwrap();
            Box::new(move |going| if going == Going::Closes { end.close() } else { drop(end) })
        }
        // There is nothing to close.
        "pool" => {
            let pool = pool::Builder::new(kind).domain(domain).class(64, 2).create().unwrap();
            Box::new(move |_| drop(pool))
        }
        other => panic!("no such kind: {other}"),
    }
}

/// Keeps a channel and its name alive while ends come and go.
fn keep(domain: &Domain, kind: &str) -> Box<dyn std::any::Any> {
    match kind {
        "spsc" => Box::new(spsc::Builder::<u64>::new(kind).domain(domain).create_receiver().unwrap()),
        "bytes" => Box::new(bytes::Builder::new(kind).domain(domain).create_receiver().unwrap()),
        "mpmc" => Box::new(mpmc::Builder::<u64>::new(kind).domain(domain).create_receiver().unwrap()),
        "broadcast" => {
            Box::new(broadcast::Builder::<u64>::new(kind).domain(domain).create_receiver().unwrap())
        }
        "broadcast-bytes" => {
            Box::new(broadcast::frames::Builder::new(kind).domain(domain).create_receiver().unwrap())
        }
        "latest" => Box::new(latest::Builder::<u64>::new(kind).domain(domain).create_receiver().unwrap()),
        "call" => Box::new(call::Builder::<u64, u64>::new(kind).domain(domain).create_receiver().unwrap()),
        "pool" => Box::new(pool::Builder::new(kind).domain(domain).class(64, 2).create().unwrap()),
        other => panic!("no such kind: {other}"),
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
        // Takes an end of each kind in turn, and leaves as instructed; or is killed.
        ["hold", domain] => {
            let domain = Domain::open(domain).unwrap();
            loop {
                let kind = listen();
                if kind.is_empty() {
                    return;
                }
                let held = hold(&domain, &kind);
                say("held");
                held(if listen() == "close" { Going::Closes } else { Going::Detaches });
                say("gone");
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// The next event; also from a check that does not sleep.
fn told(watch: &mut Watch) -> ChannelEvent {
    watch.next_timeout(Duration::ZERO).unwrap().expect("it has been told")
}

#[test]
fn every_kind_has_a_name_and_tells_who_comes_goes_closes_and_dies() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("kinds")).unwrap();
    let mut child = Role::start("hold", &[domain.name()]);
    for kind in KINDS {
        let kept = keep(&domain, kind);
        let info = domain.look_up(kind).unwrap().unwrap();
        let Named::Channel(channel) = info.what else { panic!("{kind}: {:?}", info.what) };
        assert_eq!(channel.kind_name(), kind);
        let keeper = if kind == "pool" { EndRole::Member } else { EndRole::Consumer };
        let ends = |ends: Vec<ipc_ring::control::EndInfo>| -> Vec<_> {
            ends.iter().map(|end| (end.role, end.pid, end.is_alive)).collect()
        };
        assert_eq!(ends(channel.ends), [(keeper, std::process::id(), true)], "{kind}");

        let mut watch = Watch::new(&domain, kind).unwrap();
        let role = if kind == "pool" { EndRole::Member } else { EndRole::Producer };
        for going in [Going::Detaches, Going::Closes] {
            child.tell(kind);
            assert_eq!(child.hear(), "held");
            let ChannelEvent::Joined(end) = told(&mut watch) else { panic!("{kind}") };
            assert_eq!((end.role, end.pid, end.is_alive), (role, child.pid(), true), "{kind}");
            assert!(ends(watch.ends().unwrap()).contains(&(role, child.pid(), true)), "{kind}");
            let closes = going == Going::Closes;
            child.tell(if closes { "close" } else { "detach" });
            assert_eq!(child.hear(), "gone");
            let expected =
                if closes && kind != "pool" { ChannelEvent::Closing(end) } else { ChannelEvent::Left(end) };
            assert_eq!(told(&mut watch), expected, "{kind}");
        }
        assert_eq!(watch.next_timeout(Duration::ZERO).unwrap(), None, "{kind}");
        drop(kept);
        // The one that stays while the other closes does not close anything.
        assert!(matches!(told(&mut watch), ChannelEvent::Left(end) if end.role == keeper), "{kind}");

        // A channel of the same name for the death.
        let _kept = keep(&domain, kind);
        let mut watch = Watch::new(&domain, kind).unwrap();
        let mut victim = Role::start("hold", &[domain.name()]);
        victim.tell(kind);
        assert_eq!(victim.hear(), "held");
        let ChannelEvent::Joined(end) = told(&mut watch) else { panic!("{kind}") };
        // From here it takes a tenth of a second until a watcher would check by itself.
        assert_eq!(watch.next_timeout(Duration::ZERO).unwrap(), None, "{kind}");
        victim.kill();
        let died = told(&mut watch);
        assert!(
            matches!(died, ChannelEvent::Died(dead) if (dead.owner, dead.is_alive) == (end.owner, false)),
            "{kind}: {died:?}"
        );
    }
    child.tell("");
    child.finish();
    drop(domain);
    assert_eq!(kernel_objects(), before);
}

/// Events that a process caused before its death are reported first, and an end that it had left did not die
/// with it.
#[test]
fn who_left_and_then_died_has_left() {
    private_namespace();
    let domain = Domain::open(&unique("left")).unwrap();
    let _kept = keep(&domain, "mpmc");
    let mut watch = Watch::new(&domain, "mpmc").unwrap();
    let mut child = Role::start("hold", &[domain.name()]);
    child.tell("mpmc");
    assert_eq!(child.hear(), "held");
    let ChannelEvent::Joined(end) = told(&mut watch) else { panic!() };
    child.tell("detach");
    assert_eq!(child.hear(), "gone");
    child.kill();
    assert_eq!(watch.next().unwrap(), ChannelEvent::Left(end));
    assert_eq!(watch.next_timeout(Duration::from_millis(150)).unwrap(), None);
}

/// Sixteen get a token of the kernel's; those after them poll.
#[test]
fn any_number_of_watchers_are_told_of_a_death() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("many")).unwrap();
    let _kept = keep(&domain, "spsc");
    let mut watches: Vec<Watch> = (0..20).map(|_| Watch::new(&domain, "spsc").unwrap()).collect();
    for round in 0..3 {
        let mut victim = Role::start("hold", &[domain.name()]);
        victim.tell("spsc");
        assert_eq!(victim.hear(), "held");
        for watch in &mut watches {
            assert!(matches!(told(watch), ChannelEvent::Joined(_)));
        }
        // In the second round after those with a bell have released it, so that others have it.
        if round == 1 {
            let fresh: Vec<Watch> = watches
                .drain(..10)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|old| {
                    drop(old);
                    Watch::new(&domain, "spsc").unwrap()
                })
                .collect();
            watches.extend(fresh);
        }
        victim.kill();
        for watch in &mut watches {
            let event = watch.next().unwrap();
            assert!(
                matches!(event, ChannelEvent::Died(end) if end.pid == victim.pid()),
                "{round}: {event:?}"
            );
        }
    }
    drop((watches, _kept, domain));
    assert_eq!(kernel_objects(), before);
}

/// A set is notified of the death of a partner that has never woken it.
#[test]
fn a_set_is_told_of_deaths_too() {
    private_namespace();
    let domain = Domain::open(&unique("set-deaths")).unwrap();
    let numbers = spsc::Builder::<u64>::new("spsc").domain(&domain);
    let mut consumer = numbers.create_receiver().unwrap();
    let mut victim = Role::start("hold", &[domain.name()]);
    victim.tell("spsc");
    assert_eq!(victim.hear(), "held");
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    victim.kill();
    let event = set.wait(&mut [&mut consumer], None).unwrap();
    assert_eq!((event.index, event.news), (0, News::PeerGone));
}
