//! The text of an attach error, for every kind of channel and every cause that can be produced: the channel,
//! the domain, what was found, what was expected, and what to do. The sentences themselves are in
//! `src/error/sentences.txt`.

#[path = "../common/mod.rs"]
mod common;
mod constructors;
mod elsewhere;
mod ends;
mod observers;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use elsewhere::ELSEWHERE;
use ends::{ALL, Ask, Element, End, Opened, Row, Way};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, RemoveOnDrop, barrier};
use ipc_ring::broadcast::{Mode, Position, Start};
use ipc_ring::pool::{self, Pool};
use ipc_ring::{AttachError, Barrier, Domain, Lifetime};

const NAME: &str = "md.ticks";
const SLOTS: u64 = 16;

/// A domain with one channel, and what was found in it.
struct Place {
    domain: Domain,
    row: &'static Row,
    pool: Option<Pool>,
    seen: RefCell<BTreeSet<String>>,
}

impl Place {
    fn new(row: &'static Row) -> Self {
        let domain = Domain::open(&unique(row.name)).unwrap();
        let pool = || pool::Builder::new("blocks").domain(&domain).class(256, 4).create().unwrap();
        Self { pool: row.has_pool.then(pool), domain, row, seen: RefCell::default() }
    }

    fn ask(&self, gives: bool, way: Way) -> Ask<'_> {
        Ask {
            domain: &self.domain,
            name: NAME,
            gives,
            way,
            element: Element::Usual,
            capacity: Some(SLOTS),
            lifetime: None,
            barrier: None,
            mode: self.row.has_modes.then_some(Mode::Gated),
            start: Start::Oldest,
            pool: self.pool.as_ref(),
        }
    }

    fn open(&self, ask: &Ask<'_>) -> Opened {
        (self.row.open)(ask)
    }

    fn giver(&self) -> Box<dyn End> {
        self.open(&self.ask(true, Way::Create)).unwrap_or_else(|error| panic!("{}: {error}", self.row.name))
    }

    fn taker(&self) -> Box<dyn End> {
        self.open(&self.ask(false, Way::Create)).unwrap_or_else(|error| panic!("{}: {error}", self.row.name))
    }

    /// Asserts that this was refused for this reason, in these words.
    #[track_caller]
    fn refused(&self, opened: Opened, kind: &str, says: &[&str]) {
        let Some(error) = opened.err() else {
            panic!("{}: opened, where {kind} was expected", self.row.name)
        };
        self.says(&error, kind, says);
    }

    #[track_caller]
    fn says(&self, error: &AttachError, kind: &str, says: &[&str]) {
        let (row, text) = (self.row.name, error.to_string());
        assert_eq!(kind_of(error), kind, "{row}: {text}");
        assert_eq!(error.domain(), Some(self.domain.name()), "{row}: {text}");
        assert!(text.contains(&format!("domain {:?}", self.domain.name())), "{row}: {text}");
        if kind != "InvalidName" {
            assert_eq!(error.channel(), Some(NAME), "{row}: {text}");
            assert!(text.contains(&format!("{NAME:?}")), "{row}: {text}");
        }
        for part in says {
            assert!(text.contains(part), "{row}, {kind}: {part:?} is missing: {text}");
        }
        assert!(!text.contains("made,") && !text.contains("  "), "{row}: {text}");
        self.seen.borrow_mut().insert(kind.to_owned());
    }
}

fn kind_of(error: &AttachError) -> String {
    let text = format!("{:?}", error.kind());
    text.split([' ', '(']).next().unwrap().to_owned()
}

/// The channel's memory, bypassing the library.
fn memory() -> SharedMemory {
    let segments = ipc_core::list::segments().unwrap();
    let is_ours = |segment: &SharedMemory| {
        let mut start = [0; 256];
        segment.attach_read_only().is_ok_and(|attached| attached.copy_from(0, &mut start).is_ok())
            && start[..8] == *b"ipc-ring"
            && start[0x80..].starts_with(NAME.as_bytes())
            && start[0x78..0x80] == (NAME.len() as u64).to_ne_bytes()
    };
    segments.into_iter().map(|(id, _)| SharedMemory::from_id(id)).find(is_ours).expect("the channel's memory")
}

/// Whether a channel is made for `membarrier` here.
fn has_membarrier() -> bool {
    barrier::register().is_ok()
}

/// The causes that need nothing but builders.
fn asked_wrongly(place: &Place) {
    let row = place.row;
    let me = format!("process {} (this one)", std::process::id());
    for gives in [true, false] {
        place.refused(place.open(&place.ask(gives, Way::Open)), "NotFound", &["start its creator", "ipc:["]);
        for name in ["", "a\0b", &"x".repeat(121)] {
            let ask = Ask { name, ..place.ask(gives, Way::Create) };
            place.refused(place.open(&ask), "InvalidName", &["1 to 120 bytes", "choose another"]);
        }
    }
    if row.unit.is_some() {
        let ask = Ask { capacity: Some(0), ..place.ask(true, Way::Create) };
        place.refused(place.open(&ask), "TooLarge", &["capacity of 0", "must be 1 to", "choose another"]);
    }
    if row.name == "pool" {
        let ask = Ask { capacity: Some(0), ..place.ask(true, Way::Create) };
        place.refused(place.open(&ask), "BadClasses", &["choose up to 16 classes"]);
    }
    let giver = place.giver();
    for new in [true, false].map(|gives| place.open(&place.ask(gives, Way::New))) {
        place.refused(new, "AlreadyExists", &["exists already, made by", &me, "open it"]);
    }
    if let Some(word) = row.giver {
        let says = [&format!("living {word}") as &str, "(this one)", "one at a time", "end its process"];
        place.refused(place.open(&place.ask(true, Way::Create)), "EndTaken", &says);
    }
    let other = ALL.iter().find(|other| other.name != row.name).unwrap();
    let says =
        [&format!("is {}, made by", row.name) as &str, &me, &format!("not {}", other.name), "open it by"];
    place.refused((other.open)(&place.ask(false, Way::Create)), "Kind", &says);
    if row.has_types {
        let other = Ask { element: Element::Other, ..place.ask(false, Way::Open) };
        place.refused(place.open(&other), "ElementType", &["of type `", "u64", "i64", "`type_name`", &me]);
        let larger = Ask { element: Element::Larger, ..other };
        let says = ["8 bytes aligned to 8", "[u64;2]", "16 bytes aligned to 8", "declare the same type", &me];
        // A line of calls has one size; what goes through it is part of the type's name.
        let is_call = row.name == "call";
        let (kind, says) = if is_call { ("ElementType", &says[1..2]) } else { ("ElementSize", &says[..]) };
        place.refused(place.open(&larger), kind, says);
    }
    if let Some((unit, each)) = row.unit {
        let ask = Ask { capacity: Some(4), ..place.ask(false, Way::Open) };
        let found = format!("capacity of {} {unit}", SLOTS * each);
        let says = [&found, &me, &format!("asks for {}", 4 * each) as &str, "or for none to take it"];
        place.refused(place.open(&ask), "Capacity", &says);
    }
    if row.name == "pool" {
        let ask = Ask { capacity: Some(4), ..place.ask(false, Way::Open) };
        place.refused(place.open(&ask), "Classes", &["[(256, 16)]", "[(256, 4)]", &me, "ask for the same"]);
    }
    if row.name != "pool" {
        for gives in [true, false] {
            let ask = Ask { lifetime: Some(Lifetime::Persistent), ..place.ask(gives, Way::Create) };
            let says = ["as Lifetime::Ephemeral", "asks for Lifetime::Persistent", "for none to take it"];
            place.refused(place.open(&ask), "Lifetime", &[&says[..], &[&me]].concat());
        }
        let found = if has_membarrier() { Barrier::Asymmetric } else { Barrier::Fence };
        let other = if has_membarrier() { Barrier::Fence } else { Barrier::Asymmetric };
        let ask = Ask { barrier: Some(other), ..place.ask(false, Way::Open) };
        let says = [format!("with Barrier::{found:?}"), format!("asks for Barrier::{other:?}")];
        place.refused(place.open(&ask), "Barrier", &[&says[0], &says[1], "for none to take it", &me]);
    }
    if row.has_modes {
        let ask = Ask { mode: Some(Mode::Lossy), ..place.ask(false, Way::Open) };
        place.refused(place.open(&ask), "Mode", &["made gated by", &me, "asks for lossy", "ask for gated"]);
        let saved = Position { generation: 1, sequence: 0, offset: 0 };
        let ask = Ask { start: Start::Saved(saved), ..place.ask(false, Way::Open) };
        place.refused(place.open(&ask), "StalePosition", &["saved in generation 1", "Start::Oldest"]);
        let ask = Ask { start: Start::Sequence(1 << 63), ..ask };
        place.refused(place.open(&ask), "NoSuchPosition", &["number 9223372036854775808", "Start::Oldest"]);
    }
    if let Some(many) = row.many {
        let mut held = Vec::new();
        let full = loop {
            match place.open(&place.ask(false, Way::Open)) {
                Ok(end) => held.push(end),
                Err(error) => break error,
            }
        };
        place.says(
            &full,
            "DomainFull",
            &[&format!("room for {many}"), "one more is needed", "drop or end some"],
        );
    }
    let taker = place.taker();
    if row.name != "pool" {
        giver.close();
        place.refused(
            place.open(&place.ask(true, Way::Open)),
            "Closed",
            &["an open one was expected", "create the channel"],
        );
    }
    drop(taker);
}

/// Headers and words that have been overwritten.
fn overwritten(place: &Place) {
    let held = place.giver();
    let memory = memory().attach().unwrap();
    let spoil = |offset: usize, value: u32, kind: &str, says: &[&str]| {
        let word = memory.atomic_u32(offset).unwrap();
        let right = word.swap(value, Ordering::SeqCst);
        for gives in [true, false] {
            place.refused(place.open(&place.ask(gives, Way::Open)), kind, says);
        }
        word.store(right, Ordering::SeqCst);
    };
    spoil(0x00, 1, "NotARing", &["first eight bytes are 0x", "expected 0x", "ipcrm"]);
    spoil(0x0c, 77, "Version", &["version 77", "expects version", "build both programs", "made by process"]);
    spoil(0x08, 0, "NotReady", &["not finished", "a finished one was expected", "try again"]);
    spoil(0x10, 77, "Kind", &["of a kind that this version does not know", "build both programs"]);
    spoil(0x38, 3, "Geometry", &["of 3 bytes", "expected to agree", "create it again"]);
    spoil(0x58, 7, "Generation", &["of generation", "expected", "open it again"]);
    drop(held);
}

/// Whichever word of a ring is corrupted, the error is about this channel.
fn spoilt_words(place: &Place) {
    for offset in (0x100..0x900).step_by(64) {
        let held = place.giver();
        let spoilt = memory();
        let attached = spoilt.attach().unwrap();
        if offset + 4 <= attached.len() {
            attached.atomic_u32(offset).unwrap().store(u32::MAX, Ordering::SeqCst);
        }
        if let Err(error) = place.open(&place.ask(false, Way::Open)) {
            place.says(&error, &kind_of(&error), &[]);
        }
        drop(held);
        // One that was closed or is corrupt gives up its name to the next.
        let _ = place.domain.remove_channel(NAME);
    }
}

/// Another program's object has the key of a persistent channel.
fn key_taken(place: &Place) {
    let persistent = |gives, way| Ask { lifetime: Some(Lifetime::Persistent), ..place.ask(gives, way) };
    drop((
        place.open(&persistent(true, Way::Create)).unwrap(),
        place.open(&persistent(false, Way::Create)).unwrap(),
    ));
    let (key, size) = match memory().stat().map(|stat| (stat.permissions().key(), stat.size())) {
        Ok(found) => found,
        Err(error) => panic!("{}: {error}", place.row.name),
    };
    assert_ne!(key, Key::PRIVATE, "{}", place.row.name);
    assert!(place.domain.remove_channel(NAME).unwrap());
    let strangers = RemoveOnDrop::new(SharedMemory::create_new(key, size, &Options::default()).unwrap());
    strangers.attach().unwrap().copy_to(0, b"another program's data").unwrap();
    let says =
        [&format!("under key {key}") as &str, "something else lies, made by process", "choose another name"];
    place.refused(place.open(&persistent(true, Way::Create)), "KeyTaken", &says);
    // Where it belongs to another user, the requested channel does not exist, and the error names what does.
    if strangers.grant(4711).is_ok() {
        let says = ["under the key of a persistent channel of this name is not it", "user 4711"];
        place.refused(place.open(&place.ask(false, Way::Open)), "NotFound", &says);
        let says = ["user 4711", "Domain::open_shared"];
        place.refused(place.open(&persistent(false, Way::Open)), "System", &says);
    } else {
        common::skip(common::Need::Users, "nothing can be given to another user");
    }
}

/// The kernel removes each segment at its last detach.
fn not_kept(place: &Place) {
    let ask = Ask { lifetime: Some(Lifetime::Persistent), ..place.ask(true, Way::Create) };
    place.refused(place.open(&ask), "NotKept", &["shm_rmid_forced is 1", "have to be 0", "sysctl -w"]);
}

/// Another process has the domain's lock, and then none has: the semaphores are gone.
fn without_the_lock(place: &Place) {
    let key = ipc_core::list::sets()
        .unwrap()
        .into_iter()
        .find(|(_, stat)| stat.permissions().key() != Key::PRIVATE);
    let set = SemaphoreSet::from_id(key.expect("the domain's semaphores").0);
    set.perform(&[Op::wait_zero(0), Op::add(0, 1)]).unwrap();
    let impatient = place.domain.clone().with_patience(Duration::ZERO);
    let ask = Ask { domain: &impatient, ..place.ask(true, Way::Create) };
    let says = ["lock could not be had within", &format!("process {}", std::process::id()), "let it go on"];
    place.refused(place.open(&ask), "LockTimeout", &says);
    set.perform(&[Op::take(0, 1)]).unwrap();
    set.remove().unwrap();
    let opened = place.open(&place.ask(true, Way::Create));
    place.refused(opened, "System", &["EINVAL", "removed meanwhile: open it again"]);
}

/// The kinds of error, by the file of all sentences.
fn all_kinds() -> BTreeSet<&'static str> {
    let sentences = include_str!("../../src/error/sentences.txt");
    // Those of pushes and pops are there as well, in lower case.
    sentences.lines().filter(|line| line.starts_with(char::is_uppercase)).collect()
}

#[test]
fn each_error_names_its_channel_and_domain_and_says_found_expected_and_what_to_do() {
    private_namespace();
    let (_, before, _) = common::kernel_objects();
    if !before.is_empty() {
        return common::skip(common::Need::IpcNamespace, "other programs' objects would be spoilt");
    }
    let mut seen = BTreeSet::new();
    for row in &ALL {
        let mut causes: Vec<fn(&Place)> = vec![asked_wrongly, overwritten, spoilt_words, without_the_lock];
        if row.name != "pool" {
            causes.push(key_taken);
        }
        for cause in causes {
            let place = Place::new(row);
            cause(&place);
            seen.extend(place.seen.take());
        }
    }
    const SETTING: &str = "/proc/sys/kernel/shm_rmid_forced";
    match std::fs::write(SETTING, "1") {
        Ok(()) => {
            for row in ALL.iter().filter(|row| row.name != "pool") {
                let place = Place::new(row);
                not_kept(&place);
                seen.extend(place.seen.take());
            }
            std::fs::write(SETTING, "0").unwrap();
        }
        Err(error) => {
            common::skip(common::Need::Sysctl, &format!("{SETTING}: {error}"));
            seen.insert("NotKept".to_owned());
        }
    }
    seen.extend(ELSEWHERE.map(|(kind, _)| kind.to_owned()));
    assert_eq!(seen.iter().map(String::as_str).collect::<BTreeSet<_>>(), all_kinds());
}

#[test]
fn a_domain_that_is_none() {
    private_namespace();
    let name = unique("none");
    let domain = Domain::open(&name).unwrap();
    let segments = ipc_core::list::segments().unwrap();
    let key = segments.iter().find(|(_, stat)| stat.permissions().key() != Key::PRIVATE);
    let memory = SharedMemory::from_id(key.expect("the domain's tables").0).attach().unwrap();
    let says = |kind: &str, says: &[&str]| {
        // Another process would find the same; this one shares the membership it has.
        let error = std::thread::spawn({
            let name = name.clone();
            move || {
                Domain::open_shared(
                    &name,
                    nix::unistd::geteuid().as_raw(),
                    ipc_core::Mode::PRIVATE,
                    ipc_core::Trust::anyone(),
                )
            }
        });
        let error = error.join().unwrap().unwrap_err();
        let text = error.to_string();
        assert_eq!(
            (kind_of(&error).as_str(), error.domain(), error.channel()),
            (kind, Some(&*name), None),
            "{text}"
        );
        assert!(says.iter().all(|part| text.contains(part)), "{text}");
    };
    let magic = memory.atomic_u64(0).unwrap().swap(7, Ordering::SeqCst);
    says("NotADomain", &["another program uses its key", "choose another name"]);
    memory.atomic_u64(0).unwrap().store(magic, Ordering::SeqCst);
    let evicted = domain.evict(domain.me(), Instant::now()).unwrap_err();
    assert!(evicted.to_string().contains(&format!("domain {name:?}")), "{evicted}");
    let text = Domain::open(&"d".repeat(65)).unwrap_err().to_string();
    assert!(text.contains("1 to 64 bytes"), "{text}");
}

/// What a `main` that returns it prints.
#[test]
fn it_is_printed_in_words_by_a_main_that_returns_it() {
    private_namespace();
    let domain = Domain::open(&unique("main")).unwrap();
    let error = ipc_ring::spsc::Builder::<u64>::new(NAME).domain(&domain).open_receiver().unwrap_err();
    let (text, boxed): (String, Box<dyn Error>) = (error.to_string(), Box::new(error));
    assert_eq!(format!("{boxed:?}"), text);
}
