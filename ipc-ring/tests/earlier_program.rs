//! Ends of this build, and ends of a program that was built from an earlier state of the sources with the
//! same version of the layout, share channels of every kind: numbers pass in both directions, sleepers are
//! woken, and an end whose process died has a successor in the other program. Both refuse what has another
//! version.
//!
//! `EARLIER_PROGRAM` is the path of that program: this test, built from the earlier state.
//! `.ci/compatibility` builds it from git's history. Without it this program talks to itself.

mod common;
mod kinds;
mod spsc_common;

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique, wait_for_a_sleeper};
use ipc_core::shm::{Attachment, SharedMemory};
use ipc_ring::{AttachErrorKind, Domain, WaitStrategy};
use kinds::{CAPACITY, Giver, How, Kind, Taker, Told, every, kind};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// How many numbers pass while their receiver sleeps.
const NUMBERS: u64 = 20;

fn how(domain: &Domain) -> How<'_> {
    How { successors: true, ..How::new(domain, WaitStrategy::Sleep) }
}

fn all() -> impl Iterator<Item = Kind> {
    every().chain([kinds::LENDER])
}

/// The other program: it opens an end, says how that went, and does with it what it reads.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let domain = match Domain::open(&role[2]) {
        Ok(domain) => domain,
        Err(error) => return say(&error.to_string()),
    };
    let kind = kind(&role[1]);
    match &*role[0] {
        "giver" => match (kind.giver)(how(&domain)) {
            Ok(giver) => gives(giver),
            Err(error) => say(&error.to_string()),
        },
        "taker" => match (kind.taker)(how(&domain)) {
            Ok(taker) => takes(taker),
            Err(error) => say(&error.to_string()),
        },
        other => panic!("no such role: {other:?}"),
    }
}

fn gives(mut giver: Box<dyn Giver>) {
    say("open");
    while let Ok(number) = listen().parse() {
        say(&format!("{:?}", giver.give(number, LONG)));
    }
    giver.leave();
}

fn takes(mut taker: Box<dyn Taker>) {
    say("open");
    while listen() == "take" {
        say(&format!("{:?}", taker.take(LONG)));
    }
}

/// An end in a process of the other program.
struct There(Role);

impl There {
    /// Starts the process, and gives what it says about its end.
    fn start(end: &str, kind: &Kind, domain: &str) -> (Self, String) {
        Self::start_of(std::env::var_os("EARLIER_PROGRAM"), end, kind, domain)
    }

    /// The same of this program, or another one.
    fn start_of(program: Option<OsString>, end: &str, kind: &Kind, domain: &str) -> (Self, String) {
        let mut role = Role::start_with(end, &[kind.name, domain], |command| {
            let Some(path) = program else { return };
            let mut other = Command::new(path);
            other.args(command.get_args());
            for (name, value) in command.get_envs() {
                other.env(name, value.expect("a role adds variables"));
            }
            other.stdin(Stdio::piped()).stdout(Stdio::piped());
            *command = other;
        });
        let said = role.hear();
        (Self(role), said)
    }

    fn open(end: &str, kind: &Kind, domain: &str) -> Self {
        let (there, said) = Self::start(end, kind, domain);
        assert_eq!(said, "open", "{}", kind.name);
        there
    }

    fn leave(mut self) {
        self.0.tell("leave");
        self.0.finish();
    }
}

/// Each number is given when its receiver sleeps.
#[test]
fn numbers_of_the_other_program_arrive_here() {
    private_namespace();
    for kind in all() {
        let name = unique("here");
        let domain = Domain::open(&name).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut giver = There::open("giver", &kind, &name);
        for number in 1..=NUMBERS {
            let taken = std::thread::scope(|scope| {
                let taken = scope.spawn(|| taker.take(LONG));
                wait_for_a_sleeper();
                giver.0.tell(&number.to_string());
                taken.join().unwrap()
            });
            assert_eq!(taken, Told::Number(number), "{}", kind.name);
            assert_eq!(giver.0.hear(), "Yes", "{}", kind.name);
        }
        giver.leave();
    }
}

#[test]
fn numbers_given_here_arrive_at_the_other_program() {
    private_namespace();
    for kind in all() {
        let name = unique("there");
        let domain = Domain::open(&name).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let mut taker = There::open("taker", &kind, &name);
        for number in 1..=NUMBERS {
            taker.0.tell("take");
            wait_for_a_sleeper();
            assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
            assert_eq!(taker.0.hear(), format!("Number({number})"), "{}", kind.name);
        }
        taker.leave();
    }
}

/// The giver fills the channel and sleeps until the other program takes something.
#[test]
fn a_full_channel_is_emptied_by_the_other_program() {
    private_namespace();
    for kind in all().filter(|kind| kind.fills) {
        let name = unique("full");
        let domain = Domain::open(&name).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let mut taker = There::open("taker", &kind, &name);
        let mut given = 0;
        while giver.give(given + 1, Duration::from_millis(1)) == Told::Yes {
            given += 1;
        }
        assert!((1..100 * CAPACITY).contains(&given), "{} takes {given}", kind.name);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| giver.give(given + 1, LONG));
            wait_for_a_sleeper();
            for number in 1..=given + 1 {
                taker.0.tell("take");
                assert_eq!(taker.0.hear(), format!("Number({number})"), "{}", kind.name);
            }
            assert_eq!(waiting.join().unwrap(), Told::Yes, "{}", kind.name);
        });
        taker.leave();
    }
}

/// What a giver of the other program had given when it was killed is taken here, and an end here succeeds it.
#[test]
fn an_end_here_succeeds_one_of_the_other_program() {
    private_namespace();
    for kind in all() {
        let name = unique("succeeds");
        let domain = Domain::open(&name).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut first = There::open("giver", &kind, &name);
        first.0.tell("1");
        assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
        assert_eq!(first.0.hear(), "Yes", "{}", kind.name);
        first.0.kill();
        let mut second = (kind.giver)(how(&domain)).unwrap();
        std::thread::scope(|scope| {
            let given = scope.spawn(|| second.give(2, LONG));
            assert_eq!(taker.take(LONG), Told::Number(2), "{}", kind.name);
            assert_eq!(given.join().unwrap(), Told::Yes, "{}", kind.name);
        });
        second.leave();
        // And that of this program one of the other.
        let mut third = There::open("giver", &kind, &name);
        third.0.tell("3");
        assert_eq!(taker.take(LONG), Told::Number(3), "{}", kind.name);
        third.leave();
    }
}

/// Every segment of this namespace that begins with these bytes, attached without the library.
fn segments(magic: &[u8; 8]) -> Vec<Attachment> {
    let begins = |attached: &Attachment| {
        let mut start = [0; 8];
        attached.copy_from(0, &mut start).is_ok() && start == *magic
    };
    let ids = ipc_core::list::segments().unwrap().into_iter().map(|(id, _)| id);
    ids.filter_map(|id| SharedMemory::from_id(id).attach().ok()).filter(begins).collect()
}

/// The word with the version, in the headers of rings and domains.
const VERSION: usize = 0x0c;

/// Raises the version in these headers by one; gives the one that was there.
fn raise(segments: &[Attachment]) -> u32 {
    let words = segments.iter().map(|segment| segment.atomic_u32(VERSION).unwrap());
    let found: Vec<u32> = words.map(|word| word.fetch_add(1, std::sync::atomic::Ordering::SeqCst)).collect();
    assert!(!found.is_empty() && found.iter().all(|version| *version == found[0]), "{found:?}");
    found[0]
}

fn is_refused(said: &str, version: u32, what: &str) {
    let (found, expected) =
        (format!("layout version {}", version + 1), format!("expects version {version}:"));
    assert!(said.contains(&found) && said.contains(&expected), "{what}: {said}");
    assert!(said.contains("build both programs with the same version"), "{what}: {said}");
}

#[test]
fn channels_of_another_version_are_refused_by_both_programs() {
    for kind in all() {
        private_namespace();
        let name = unique("version");
        let domain = Domain::open(&name).unwrap();
        let giver = (kind.giver)(how(&domain)).unwrap();
        let segments = segments(b"ipc-ring");
        let version = raise(&segments);
        let error = (kind.taker)(how(&domain)).err().expect("another version");
        assert!(
            matches!(error.kind(), AttachErrorKind::Version { found, expected }
                if (*found, *expected) == (version + 1, version)),
            "{}: {error}",
            kind.name
        );
        is_refused(&error.to_string(), version, kind.name);
        let (there, said) = There::start("taker", &kind, &name);
        is_refused(&said, version, kind.name);
        there.0.finish();
        for segment in &segments {
            segment.atomic_u32(VERSION).unwrap().store(version, std::sync::atomic::Ordering::SeqCst);
        }
        drop(giver);
    }
}

/// Domains of different versions have different keys; one that says another version under this key was made
/// by something else.
#[test]
fn domains_of_another_version_are_refused_by_both_programs() {
    private_namespace();
    let name = unique("version");
    let domain = Domain::open(&name).unwrap();
    let segments = segments(b"ipc-doma");
    let version = raise(&segments);
    for program in [None, std::env::var_os("EARLIER_PROGRAM")] {
        let (there, said) = There::start_of(program, "taker", &kinds::ALL[0], &name);
        is_refused(&said, version, "the domain");
        there.0.finish();
    }
    segments[0].atomic_u32(VERSION).unwrap().store(version, std::sync::atomic::Ordering::SeqCst);
    drop(domain);
}
