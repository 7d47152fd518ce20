//! Which end decides the parameters of a channel: the sending one. A receiving end that specifies nothing and
//! opens first adopts it. For every kind, and every parameter of a builder.

mod common;
mod kinds;
mod spsc_common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::broadcast::Mode;
use ipc_ring::{
    AttachError, AttachErrorKind, Barrier, Domain, Lifetime, PeerState, WaitStrategy, latest, pool,
};
use kinds::{ALL, Giver, How, Kind, Parameter, TABLE, Taker, Told, kind};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
const WAITS: [WaitStrategy; 3] = [WaitStrategy::Sleep, WaitStrategy::SpinYield, WaitStrategy::DEFAULT];
/// Less than the default, and more.
const CAPACITIES: [u64; 2] = [4, 1 << 17];

fn kinds() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().chain([&TABLE])
}

/// Those whose capacity can be chosen.
fn choosing() -> impl Iterator<Item = &'static Kind> {
    kinds().filter(|kind| kind.parameters.contains(&Parameter::Capacity))
}

fn silent(domain: &Domain, wait: WaitStrategy) -> How<'_> {
    How::silent(domain, wait)
}

/// What insists on this one parameter, with another value than is usual.
fn insisting(parameter: Parameter, silent: How<'_>) -> How<'_> {
    match parameter {
        Parameter::Capacity | Parameter::Keys => How { capacity: Some(4), ..silent },
        Parameter::Mode => How { mode: Some(Mode::Gated), ..silent },
        Parameter::Lifetime => How { lifetime: Some(Lifetime::Persistent), ..silent },
        Parameter::Barrier => How { barrier: Some(Barrier::Fence), ..silent },
    }
}

/// A ring as found in the memory of this namespace.
struct Ring {
    is_persistent: bool,
    barrier: Barrier,
}

/// The rings with this name that some process has attached.
fn rings(name: &str) -> Vec<Ring> {
    const FLAGS: usize = 0x14;
    const NAME_LENGTH: usize = 0x78;
    const NAME: usize = 0x80;
    let headers = kernel_objects().0.into_iter().filter_map(|object| {
        let (key, id) = object.split_once(' ').unwrap();
        let memory = SharedMemory::from_id(ShmId::from_raw(id.parse().unwrap())).attach_read_only().ok()?;
        let mut header = [0; 256];
        memory.copy_from(0, &mut header).ok()?;
        let length = header[NAME_LENGTH];
        let is_it = header.starts_with(b"ipc-ring") && &header[NAME..][..length.into()] == name.as_bytes();
        let barrier = if header[FLAGS] & 1 == 0 { Barrier::Fence } else { Barrier::Asymmetric };
        is_it.then_some(Ring { is_persistent: key != "0", barrier })
    });
    headers.collect()
}

/// The channel that lends a pool's blocks has a name of its own.
fn channel_name(kind: &Kind) -> &'static str {
    match kind.name {
        "pool" => "handles",
        "table" => "latest",
        name => name,
    }
}

/// Whether a channel is as `insisting` requires.
fn is_as_chosen(parameter: Parameter, kind: &Kind, giver: &dyn Giver, taker: &dyn Taker) -> bool {
    let rings = rings(channel_name(kind));
    assert_eq!(rings.len(), 1, "{}: only the one that was chosen is left", kind.name);
    match parameter {
        Parameter::Capacity | Parameter::Keys => {
            let wanted = if kind.name == "table" { 4 } else { units(kind, 4) };
            [giver.capacity(), taker.capacity()] == [Some(wanted); 2]
        }
        Parameter::Mode => taker.mode() == Some(Mode::Gated),
        Parameter::Lifetime => rings[0].is_persistent,
        Parameter::Barrier => rings[0].barrier == Barrier::Fence,
    }
}

/// The capacity of an end for this number of messages, in the kind's units.
fn units(kind: &Kind, numbers: u64) -> u64 {
    if matches!(kind.name, "bytes" | "frames") { numbers * 64 } else { numbers }
}

fn give(giver: &mut dyn Giver, number: u64, kind: &Kind) {
    loop {
        match giver.give(number, LONG) {
            Told::Yes => return,
            // No block is free: the others have not released it yet.
            Told::TimedOut => std::thread::yield_now(),
            other => panic!("{}: {other:?}", kind.name),
        }
    }
}

fn take_all(taker: &mut dyn Taker, count: u64, kind: &Kind) {
    for number in 0..count {
        assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["detect", name, domain, count, wait] => {
            let (kind, domain) = (kind(name), Domain::open(domain).unwrap());
            let mut taker = (kind.taker)(silent(&domain, WAITS[wait.parse::<usize>().unwrap()])).unwrap();
            say("there");
            take_all(&mut *taker, count.parse().unwrap(), &kind);
            say(&taker.capacity().unwrap().to_string());
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn who_was_there_first_and_said_nothing_follows_who_chooses() {
    private_namespace();
    let count = 40;
    for kind in choosing() {
        for (wait, capacity) in (0..WAITS.len()).flat_map(|wait| CAPACITIES.map(|capacity| (wait, capacity)))
        {
            let domain = Domain::open(&unique("chosen")).unwrap();
            let detectors = if kind.many_takers && kind.name != "mpmc" { 3 } else { 1 };
            let arguments = [kind.name, domain.name(), &count.to_string(), &wait.to_string()];
            let mut detectors: Vec<Role> = (0..detectors)
                .map(|_| {
                    let mut detector = Role::start("detect", &arguments);
                    assert_eq!(detector.hear(), "there");
                    detector
                })
                .collect();
            let how = How { capacity: Some(capacity), ..How::new(&domain, WaitStrategy::Sleep) };
            let mut camera = (kind.giver)(how).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            assert_eq!(camera.capacity(), Some(units(kind, capacity)), "{}", kind.name);
            (0..count).for_each(|number| give(&mut *camera, number, kind));
            for detector in &mut detectors {
                assert_eq!(detector.hear(), units(kind, capacity).to_string(), "{}", kind.name);
                detector.tell("go");
            }
            detectors.into_iter().for_each(Role::finish);
            drop((camera, domain));
            assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
        }
    }
}

/// An end that is not in a call when the other one joins adopts the change at its next call.
#[test]
fn who_is_busy_follows_later() {
    private_namespace();
    for kind in choosing() {
        for wait in WAITS {
            let domain = Domain::open(&unique("chosen-busy")).unwrap();
            let mut taker = (kind.taker)(silent(&domain, wait)).unwrap();
            let how = How { capacity: Some(4), ..How::new(&domain, wait) };
            let mut giver = (kind.giver)(how).unwrap();
            (0..3).for_each(|number| give(&mut *giver, number, kind));
            take_all(&mut *taker, 3, kind);
            // It is there, and holds up the giver.
            let mut given = 3;
            while giver.give(given, Duration::from_millis(1)) == Told::Yes {
                given += 1;
                assert!(given < 1000, "{}", kind.name);
            }
            for number in 3..given {
                assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
            }
            drop(giver);
            assert!(matches!(taker.take(LONG), Told::Closed | Told::Gone), "{}", kind.name);
        }
    }
}

/// Each parameter of each kind, by itself; with a taker that sleeps, one that polls and one that is busy.
#[test]
fn whatever_a_taker_leaves_open_a_giver_chooses() {
    private_namespace();
    for kind in kinds() {
        for &parameter in kind.parameters {
            for wait in WAITS.map(Some).into_iter().chain([None]) {
                let what = format!("{}, {parameter:?}, {wait:?}", kind.name);
                let domain = Domain::open(&unique("chosen-each")).unwrap();
                let silent = silent(&domain, wait.unwrap_or(WaitStrategy::Sleep));
                let mut taker = (kind.taker)(silent).unwrap();
                let (start, given) = mpsc::channel::<()>();
                std::thread::scope(|scope| {
                    let taking = scope.spawn(move || {
                        if wait.is_none() {
                            given.recv().unwrap();
                        }
                        let told = taker.take(LONG);
                        (taker, told)
                    });
                    let mut giver = (kind.giver)(insisting(parameter, silent))
                        .unwrap_or_else(|error| panic!("{what}: {error}"));
                    give(&mut *giver, 0, kind);
                    let _ = start.send(());
                    let (taker, told) = taking.join().unwrap();
                    assert_eq!(told, Told::Number(0), "{what}");
                    assert!(is_as_chosen(parameter, kind, &*giver, &*taker), "{what}");
                });
                drop(domain);
                let mut kept = ipc_ring::gc::examine().unwrap();
                kept.retain(|finding| finding.remove().unwrap());
                assert!(parameter == Parameter::Lifetime || kept.is_empty(), "{what}: {kept:?}");
                assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{what}");
            }
        }
    }
}

/// A new method of a builder either concerns an end, or is a parameter of the channel with a row in the table
/// of kinds.
#[test]
fn every_method_of_a_builder_is_known_here() {
    // What each end has for itself; what it starts with; the name and the contents of a type, which are the
    // same or refused (`tests/described`); and the classes of a pool, for which see below.
    const OF_AN_END: &str = "await_successors deadline domain dumped inherited parker prefault resume start \
                             type_name described description kind element wait class usual_classes";
    fn methods(at: &Path, found: &mut BTreeSet<String>) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                files += methods(&entry, found);
            } else if ["builder.rs", "options.rs"].iter().any(|name| entry.ends_with(name)) {
                files += 1;
                for line in std::fs::read_to_string(&entry).unwrap().lines() {
                    let line = line.trim_start();
                    let method = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub unsafe fn "));
                    if let Some((name, rest)) = method.and_then(|method| method.split_once('('))
                        && (rest.starts_with("self") || rest.starts_with("mut self"))
                    {
                        found.insert(name.to_owned());
                    }
                }
            }
        }
        files
    }
    let mut found = BTreeSet::new();
    let files = methods(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/channel"), &mut found);
    assert!(files >= 10, "{files} files");
    let parameters = Parameter::ALL.iter().flat_map(|parameter| parameter.methods());
    let known: BTreeSet<String> =
        parameters.copied().chain(OF_AN_END.split(' ')).map(str::to_owned).collect();
    assert_eq!(found, known);
    for parameter in Parameter::ALL {
        assert!(kinds().any(|kind| kind.parameters.contains(&parameter)), "{parameter:?}");
    }
}

/// A pool has no sides. One that specifies no classes finds a pool, but makes none.
#[test]
fn the_classes_of_a_pool_are_chosen_by_an_opener_that_names_some() {
    private_namespace();
    let domain = Domain::open(&unique("chosen-classes")).unwrap();
    let silent = pool::Builder::new("pictures").domain(&domain);
    assert!(matches!(silent.create().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NotFound)));
    assert!(matches!(
        silent.create_new().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::BadClasses { .. })
    ));
    let camera = silent.clone().class(1 << 20, 4).create().unwrap();
    let detector = silent.create().unwrap();
    assert_eq!(detector.stats().classes.len(), 1);
    assert!(matches!(
        silent.clone().usual_classes().create().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Classes { .. })
    ));
    drop((camera, detector));
    assert_eq!(silent.usual_classes().create().unwrap().stats().classes.len(), 4);
}

/// Before a writer has chosen the number of keys, no key has a value yet.
#[test]
fn the_keys_of_a_table_are_open_until_a_writer_comes() {
    private_namespace();
    let domain = Domain::open(&unique("chosen-keys")).unwrap();
    let table = latest::TableBuilder::<u64>::new("prices").domain(&domain).wait(WaitStrategy::Sleep);
    let mut reader = table.create_receiver().unwrap();
    let mut other = table.create_receiver().unwrap();
    assert!(reader.get(17).unwrap().is_none());
    assert!(reader.get_newer(17).unwrap().is_none());
    assert!(reader.get_into(17, &mut 0).unwrap().is_none());
    assert_eq!((reader.sequence(17).unwrap(), reader.seen(17).unwrap(), reader.keys()), (0, 0, 1));
    assert!(matches!(reader.wait_timeout(17, Duration::from_millis(1)), Err(latest::ReadError::TimedOut)));
    let mut polling = table.create_receiver().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (reader.wait(17).unwrap().value, reader.keys()));
        let for_writer = scope.spawn(|| (other.wait_for_peer(None).unwrap(), other.keys()));
        let mut writer = table.clone().keys(500).create_sender().unwrap();
        writer.publish(17, 995).unwrap();
        assert_eq!(waiting.join().unwrap(), (995, 500));
        let (state, keys) = for_writer.join().unwrap();
        assert!(matches!(state, PeerState::Alive { .. }) && keys == 500, "{state:?}");
        assert!(matches!(polling.peer().unwrap(), PeerState::Gone(_)), "it has not followed yet");
        assert_eq!(polling.sequence(17).unwrap(), 1);
        assert!(matches!(polling.get(500), Err(latest::ReadError::NoSuchKey { key: 500, keys: 500 })));
    });
    drop((reader, other, polling));
    // A writer that specifies nothing chooses one key.
    let mut reader = table.create_receiver().unwrap();
    let writer = table.create_sender().unwrap();
    assert!(matches!(reader.get(17), Err(latest::ReadError::NoSuchKey { key: 17, keys: 1 })));
    assert!(matches!(reader.wait(17), Err(latest::ReadError::NoSuchKey { .. })));
    drop(writer);
}

/// The handle that ends a wait belongs to the end, also after the end has adopted another channel's
/// parameters.
#[test]
fn an_interrupter_of_an_end_that_follows_ends_its_waits() {
    private_namespace();
    for kind in kinds() {
        for wait in WAITS {
            let domain = Domain::open(&unique("chosen-interrupted")).unwrap();
            let mut taker = (kind.taker)(silent(&domain, wait)).unwrap();
            let interrupter = taker.interrupter();
            std::thread::scope(|scope| {
                let (first, is_there) = mpsc::channel();
                let taking = scope.spawn(move || {
                    first.send(taker.take(LONG)).unwrap();
                    taker.take(LONG)
                });
                let how = insisting(Parameter::Lifetime, silent(&domain, wait));
                let mut giver = (kind.giver)(how).unwrap();
                give(&mut *giver, 0, kind);
                assert_eq!(is_there.recv().unwrap(), Told::Number(0), "{}", kind.name);
                interrupter.interrupt().unwrap();
                assert_eq!(taking.join().unwrap(), Told::Interrupted, "{}, {wait:?}", kind.name);
            });
            drop(domain);
            assert!(ipc_ring::gc::examine().unwrap().iter().all(|kept| kept.remove().unwrap()));
        }
    }
}

#[test]
fn what_was_chosen_is_not_chosen_again() {
    private_namespace();
    for kind in choosing() {
        let domain = Domain::open(&unique("chosen-once")).unwrap();
        let silent = silent(&domain, WaitStrategy::Sleep);
        let small = How { capacity: Some(4), ..silent };
        let large = How { capacity: Some(64), ..silent };
        // Chosen by the taker, explicitly.
        let taker = (kind.taker)(small).unwrap();
        assert!(
            matches!(
                (kind.giver)(large).as_ref().map_err(AttachError::kind),
                Err(AttachErrorKind::Capacity { .. })
            ),
            "{}",
            kind.name
        );
        drop(taker);
        // Chosen by the giver, even if it specifies nothing: there may be something in it.
        let giver = (kind.giver)(silent).unwrap();
        assert!(
            matches!(
                (kind.taker)(small).as_ref().map_err(AttachError::kind),
                Err(AttachErrorKind::Capacity { .. })
            ),
            "{}",
            kind.name
        );
        drop(giver);
        // Chosen by a taker that came second, of two.
        let domain = Domain::open(&unique("chosen-twice")).unwrap();
        let (silent, small) = (How { domain: &domain, ..silent }, How { domain: &domain, ..small });
        let mut first = (kind.taker)(silent).unwrap();
        match (kind.taker)(small) {
            Ok(mut second) => {
                let mut giver = (kind.giver)(silent).unwrap();
                assert_eq!(giver.capacity(), Some(units(kind, 4)), "{}", kind.name);
                give(&mut *giver, 0, kind);
                assert_eq!(second.take(LONG), Told::Number(0), "{}", kind.name);
                if kind.name == "mpmc" {
                    give(&mut *giver, 0, kind);
                }
                assert_eq!(first.take(LONG), Told::Number(0), "{}", kind.name);
            }
            // There is one place, and it is taken.
            Err(error) if matches!(error.kind(), AttachErrorKind::Capacity { .. }) => {
                assert!(!kind.many_takers, "{}", kind.name)
            }
            Err(other) => panic!("{}: {other}", kind.name),
        }
    }
}

/// Two values of `parameter` that exclude each other, from an end that names nothing else. Of lifetime and
/// barrier, the first one is not the usual one.
fn excluding(parameter: Parameter, silent: How<'_>) -> [How<'_>; 2] {
    match parameter {
        Parameter::Capacity | Parameter::Keys => [4, 64].map(|most| How { capacity: Some(most), ..silent }),
        Parameter::Mode => [Mode::Gated, Mode::Lossy].map(|mode| How { mode: Some(mode), ..silent }),
        Parameter::Lifetime => {
            [Lifetime::Persistent, Lifetime::Ephemeral].map(|some| How { lifetime: Some(some), ..silent })
        }
        Parameter::Barrier => {
            [Barrier::Fence, Barrier::Asymmetric].map(|some| How { barrier: Some(some), ..silent })
        }
    }
}

/// That an end was refused, with the error about this parameter.
fn is_refused<End: ?Sized>(what: &str, parameter: Parameter, opened: Result<Box<End>, AttachError>) {
    let Err(error) = opened else { panic!("{what}: opened, and is not what it asked for") };
    let is_about = match parameter {
        Parameter::Capacity | Parameter::Keys => matches!(error.kind(), AttachErrorKind::Capacity { .. }),
        Parameter::Mode => matches!(error.kind(), AttachErrorKind::Mode { .. }),
        Parameter::Lifetime => matches!(error.kind(), AttachErrorKind::Lifetime { .. }),
        Parameter::Barrier => matches!(error.kind(), AttachErrorKind::Barrier { .. }),
    };
    assert!(is_about, "{what}: {error}");
}

/// Of each parameter of each kind: after a taker that specified it, a giver that specified it, and a giver
/// that did not, the other end requests something else and gets an error.
#[test]
fn an_end_gets_what_it_names_or_an_error() {
    private_namespace();
    if ipc_core::barrier::register().is_err() {
        return common::skip(common::Need::Membarrier, "every channel has fences");
    }
    for (kind, &parameter) in kinds().flat_map(|kind| kind.parameters.iter().map(move |each| (kind, each))) {
        for (first, second) in [(0, 1), (1, 0)] {
            let what = format!("{}, {parameter:?}, {first}", kind.name);
            let domain = Domain::open(&unique("chosen-told")).unwrap();
            let silent = silent(&domain, WaitStrategy::Sleep);
            let told = excluding(parameter, silent);
            let taker = (kind.taker)(told[first]).unwrap();
            is_refused(&what, parameter, (kind.giver)(told[second]));
            let giver = (kind.giver)(told[first]).unwrap_or_else(|error| panic!("{what}: {error}"));
            drop(taker);
            is_refused(&what, parameter, (kind.taker)(told[second]));
            let taker = (kind.taker)(told[first]).unwrap_or_else(|error| panic!("{what}: {error}"));
            drop((taker, giver));
            // One that was kept, and that no process holds.
            domain.remove_channel(channel_name(kind)).unwrap();
            // Chosen by a giver that specifies nothing: it has chosen the default.
            let (giver, told) = ((kind.giver)(silent).unwrap(), excluding(parameter, silent));
            match (kind.taker)(told[first]) {
                Ok(taker) => drop(taker),
                refused => is_refused(&what, parameter, refused),
            }
            if parameter == Parameter::Lifetime || parameter == Parameter::Barrier {
                is_refused(&what, parameter, (kind.taker)(told[0]));
                drop((kind.taker)(told[1]).unwrap_or_else(|error| panic!("{what}: {error}")));
            }
            drop(giver);
        }
    }
}
