//! Subscribers that join, leave and are killed, and publishers that are killed and replaced, continuously.
//! The books of each subscriber balance to the message: everything published from its start on was received,
//! or reported to it as missed. The successor of a dead one begins at the position that the latter last
//! reported.
//!
//! Each case runs for most of a second. `BROADCAST_SECONDS=60` lets it run for a minute; `TEST_WATCHDOG` has
//! to be raised with it.

mod common;
mod spsc_common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_ring::Domain;
use ipc_ring::broadcast::{self, Mode, PopError, Position, Start, frames};
use spsc_common::{Random, mix};

const READERS: usize = 3;
/// The least number of kills and leaves before a case may end, however slow the machine.
const EVENTS: u64 = 6;

/// What the channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Messages,
    Frames,
}

enum Publisher {
    Messages(broadcast::Publisher<[u64; 2]>),
    Frames(frames::Publisher),
}

enum Subscriber {
    Messages(broadcast::Subscriber<[u64; 2]>),
    Frames(frames::Subscriber, Vec<u8>),
}

fn messages(domain: &Domain, mode: Mode) -> broadcast::Builder<[u64; 2]> {
    broadcast::Builder::new("stream").domain(domain).mode(mode).capacity(64)
}

fn framed(domain: &Domain, mode: Mode) -> frames::Builder {
    frames::Builder::new("stream").domain(domain).mode(mode).capacity(8192)
}

/// Frame `number`: its number, then bytes derived from it, 8 to 330.
fn frame(number: u64, out: &mut Vec<u8>) {
    out.clear();
    out.extend(number.to_le_bytes());
    out.resize(8 + (number * 37 % 323) as usize, mix(number) as u8);
}

impl Publisher {
    fn open(domain: &Domain, kind: Kind, mode: Mode) -> Self {
        match kind {
            Kind::Messages => Self::Messages(messages(domain, mode).create_sender().unwrap()),
            Kind::Frames => Self::Frames(framed(domain, mode).create_sender().unwrap()),
        }
    }

    fn published(&self) -> u64 {
        match self {
            Self::Messages(publisher) => publisher.pushed(),
            Self::Frames(publisher) => publisher.pushed(),
        }
    }

    /// Publishes the next message.
    fn publish(&mut self, place: &mut Vec<u8>) {
        let number = self.published();
        match self {
            Self::Messages(publisher) => publisher.push([number, mix(number)]).unwrap(),
            Self::Frames(publisher) => {
                frame(number, place);
                publisher.push(place).unwrap();
            }
        }
    }
}

impl Subscriber {
    fn open(domain: &Domain, kind: Kind, mode: Mode, start: Start) -> Self {
        match kind {
            Kind::Messages => Self::Messages(messages(domain, mode).start(start).create_receiver().unwrap()),
            Kind::Frames => {
                Self::Frames(framed(domain, mode).start(start).create_receiver().unwrap(), Vec::new())
            }
        }
    }

    fn position(&self) -> Position {
        match self {
            Self::Messages(subscriber) => subscriber.position(),
            Self::Frames(subscriber, _) => subscriber.position(),
        }
    }

    /// Pops a message, which must be whole; gives its number.
    fn pop(&mut self) -> Result<u64, PopError> {
        match self {
            Self::Messages(subscriber) => {
                let [number, check] = subscriber.pop()?;
                assert_eq!(check, mix(number), "message {number} is torn");
                Ok(number)
            }
            Self::Frames(subscriber, place) => {
                subscriber.pop_vec(place)?;
                let (first, _) = place.split_first_chunk::<8>().expect("a frame has 8 bytes at least");
                let number = u64::from_le_bytes(*first);
                let mut whole = Vec::new();
                frame(number, &mut whole);
                assert_eq!(*place, whole, "frame {number} is torn");
                Ok(number)
            }
        }
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let [what, domain, kind, mode, start, seed] = role[..] else { panic!("{role:?}") };
    let domain = Domain::open(domain).unwrap();
    let kind = if kind == "Frames" { Kind::Frames } else { Kind::Messages };
    let mode = if mode == "gated" { Mode::Gated } else { Mode::Lossy };
    let mut random = Random::new(seed.parse().unwrap());
    match what {
        "publish" => publish(Publisher::open(&domain, kind, mode), random),
        "read" => {
            let start = match start {
                "oldest" => Start::Oldest,
                "newest" => Start::Newest,
                "next" => Start::Next,
                saved => Start::Saved(saved.parse().unwrap()),
            };
            let mut subscriber = Subscriber::open(&domain, kind, mode, start);
            if let Start::Saved(saved) = start {
                assert_eq!(subscriber.position(), saved, "it goes on where it was");
            }
            say(&format!("at {}", subscriber.position()));
            let enough = 4 + random.below(40);
            let (end, [first, received, missed]) = read(&mut subscriber, random, Some(enough));
            // The successor of a dead one may come too late for some of the messages that it had not read.
            let excused = mode == Mode::Lossy || matches!(start, Start::Saved(_));
            assert!(missed == 0 || excused, "a gated subscriber missed {missed}");
            say(&format!("{end} {first} {received} {missed}"));
        }
        other => panic!("no such role: {other}"),
    }
}

/// Publishes in bursts until it is killed.
fn publish(mut publisher: Publisher, mut random: Random) {
    say("here");
    let mut place = Vec::new();
    loop {
        for _ in 0..random.below(400) {
            publisher.publish(&mut place);
        }
        std::thread::sleep(Duration::from_micros(random.below(300)));
    }
}

/// Reads until the end, or until it has reported its position this number of times; returns the reason, and
/// its books: where it began, how many it received, and how many were reported to it as missed.
fn read(
    subscriber: &mut Subscriber,
    mut random: Random,
    mut enough: Option<u64>,
) -> (&'static str, [u64; 3]) {
    let first = subscriber.position().sequence;
    let (mut received, mut missed) = (0, 0);
    let mut said = Instant::now();
    loop {
        match subscriber.pop() {
            Ok(number) => {
                assert_eq!(number, first + received + missed, "lost, doubled or out of order");
                received += 1;
            }
            Err(PopError::Missed(some)) => missed += some.count,
            // Another publisher comes.
            Err(PopError::PeerGone(_)) => std::thread::sleep(Duration::from_micros(200)),
            Err(PopError::Closed) => return ("closed", [first, received, missed]),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(first + received + missed, subscriber.position().sequence);
        if random.below(2000) == 0 {
            // Slow enough to be overrun, or to hold up the others.
            std::thread::sleep(Duration::from_micros(random.below(3000)));
        }
        if let Some(enough) = &mut enough
            && said.elapsed() > Duration::from_millis(5)
        {
            said = Instant::now();
            say(&format!("at {}", subscriber.position()));
            *enough -= 1;
            if *enough == 0 {
                return ("left", [first, received, missed]);
            }
        }
    }
}

/// A case: its processes, and their reports.
struct Scene {
    domain: String,
    kind: Kind,
    mode: Mode,
    random: Random,
}

impl Scene {
    fn start(&mut self, what: &str, start: &str) -> Role {
        let (kind, mode, seed) = (format!("{:?}", self.kind), self.mode.to_string(), self.random.next());
        Role::start(what, &[&self.domain, &kind, &mode, start, &seed.to_string()])
    }

    /// A running subscriber, the successor of one with a known last position, or not.
    fn reader(&mut self, last: Option<String>) -> Role {
        let start = match (last, self.random.below(5)) {
            (Some(position), 0..3) => position,
            (_, 3) => "newest".to_owned(),
            (_, 4) => "next".to_owned(),
            _ => "oldest".to_owned(),
        };
        let mut reader = self.start("read", &start);
        assert!(reader.hear().starts_with("at "));
        reader
    }

    fn publisher(&mut self) -> Role {
        let mut publisher = self.start("publish", "-");
        assert_eq!(publisher.hear(), "here");
        publisher
    }
}

/// The remaining reports of a subscriber: its last position, and its books if it has ended by itself.
fn last_words(reader: &mut Role) -> (Option<String>, Option<[u64; 3]>) {
    let (mut last, mut books) = (None, None);
    while let Some(said) = reader.hear_or_end() {
        match said.split_once(' ').unwrap() {
            ("at", position) => last = Some(position.to_owned()),
            (_, numbers) => {
                let numbers: Vec<u64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
                books = Some(numbers.try_into().unwrap());
            }
        }
    }
    (last, books)
}

fn books(kind: Kind, mode: Mode) {
    private_namespace();
    let seconds = std::env::var("BROADCAST_SECONDS").map_or(0.7, |text| text.parse().unwrap());
    let before = kernel_objects();
    let domain = unique("books");
    let mut scene =
        Scene { domain: domain.clone(), kind, mode, random: Random::new(mode as u64 + kind as u64) };
    {
        let ours = Domain::open(&domain).unwrap();
        // One that is there from the first message to the last.
        let mut witness = Subscriber::open(&ours, kind, mode, Start::Oldest);
        let random = Random::new(7);
        let witness = std::thread::spawn(move || read(&mut witness, random, None));
        let mut publisher = scene.publisher();
        let mut readers: Vec<Role> = (0..READERS).map(|_| scene.reader(None)).collect();
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let (mut deaths, mut leaves, mut successions) = (0, 0, 0);
        while Instant::now() < end || deaths + leaves < EVENTS || successions < 2 {
            std::thread::sleep(Duration::from_micros(scene.random.below(15_000)));
            if scene.random.below(4) == 0 {
                assert!(!publisher.has_ended(), "the publisher has ended by itself");
                publisher.kill();
                publisher = scene.publisher();
                successions += 1;
                continue;
            }
            let which = scene.random.below(READERS as u64) as usize;
            readers[which].kill_or_finish();
            let (last, books) = last_words(&mut readers[which]);
            *(if books.is_some() { &mut leaves } else { &mut deaths }) += 1;
            readers[which] = scene.reader(last);
        }
        publisher.kill();
        // The last publisher is this process, which knows how many there were.
        let mut publisher = Publisher::open(&ours, kind, mode);
        let mut place = Vec::new();
        for _ in 0..10 {
            publisher.publish(&mut place);
        }
        let published = publisher.published();
        drop(publisher);
        let (_, [first, received, missed]) = witness.join().expect("the witness's books balance");
        assert_eq!((first, received + missed), (0, published));
        assert!(mode == Mode::Lossy || missed == 0);
        let mut ended = 0;
        for reader in &mut readers {
            let (_, books) = last_words(reader);
            let [first, received, missed] =
                books.expect("it says its books, whether it has left or is at the end");
            assert!(first + received + missed <= published);
            ended += u64::from(first + received + missed == published);
            reader.kill_or_finish();
        }
        eprintln!(
            "{kind:?}, {mode}: {published} published by {} publishers; {deaths} subscribers killed, {leaves} left, {ended} at the end; one received {received} and missed {missed}",
            successions + 2
        );
        assert!(published > 10);
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn messages_lossy() {
    books(Kind::Messages, Mode::Lossy);
}

#[test]
fn messages_gated() {
    books(Kind::Messages, Mode::Gated);
}

#[test]
fn frames_lossy() {
    books(Kind::Frames, Mode::Lossy);
}

#[test]
fn frames_gated() {
    books(Kind::Frames, Mode::Gated);
}
