//! Corners of the broadcast ring of frames: what an end makes of words that contradict each other, when a
//! subscriber asks to look at the publisher, and where a subscriber starts that joins during a raise.

use std::io::IoSlice;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::memory::Records as _;
use ipc_ring::ring::broadcast::frames::{
    Mapped, Memory as _, Pop, Publisher, Refused, Start, Subscriber, longest,
};
use ipc_ring::ring::broadcast::{Mode, Resume, Seats as _, Words as _, seat};
use ipc_ring::ring::bytes::header;
use ipc_ring::wait::signal::POISONED;
use ipc_ring::{Barrier, Region};

const CAPACITY: u64 = 256;

/// Bytes of a frame whose record takes this many.
const fn len(record: u64) -> usize {
    record as usize - 16
}

fn ring_of(capacity: u64, mode: Mode) -> (Mapped, Publisher<Mapped>) {
    let region = Region::heap(Mapped::geometry(capacity).unwrap().total_size());
    let memory = Mapped::make(region, capacity, Barrier::Fence, mode).unwrap();
    (memory.clone(), Publisher::attach(memory).unwrap())
}

fn ring(mode: Mode) -> (Mapped, Publisher<Mapped>) {
    ring_of(CAPACITY, mode)
}

/// Publishes frames with records of these sizes.
fn publish(publisher: &mut Publisher<Mapped>, records: &[u64]) {
    for record in records {
        publisher.try_publish(&vec![7; len(*record)]).unwrap();
    }
}

fn join(memory: &Mapped, start: Start, is_publishing: impl Fn() -> bool) -> Subscriber<Mapped> {
    let seat = seat::take(memory, NonZeroU64::new(7).unwrap()).unwrap();
    Subscriber::join(memory.clone(), seat, start, Resume::Oldest, is_publishing).unwrap()
}

fn watch(memory: &Mapped, start: Start) -> Subscriber<Mapped> {
    Subscriber::watch(memory.clone(), start, Resume::Oldest).unwrap()
}

fn pop(subscriber: &mut Subscriber<Mapped>) -> Pop {
    subscriber.try_pop_vec(&mut Vec::new())
}

#[test]
fn a_header_is_refused_for_each_reason_alone() {
    // A subscriber after records up to a position finds this word there, and a frame at the next lap's start.
    let found = |records: &[u64], word: fn(u64) -> u64| {
        let (memory, mut publisher) = ring(Mode::Lossy);
        publish(&mut publisher, records);
        let mut subscriber = watch(&memory, Start::Next);
        let (position, sequence) = (subscriber.position(), subscriber.sequence());
        memory.word(0).store(header::frame(CAPACITY, 8), Relaxed);
        memory.word(8).store(sequence, Relaxed);
        memory.word(position + 8).store(sequence, Relaxed);
        memory.word(position).store(word(position), Relaxed);
        pop(&mut subscriber)
    };
    let (to_64, to_200) = ([64].as_slice(), [120, 80].as_slice());
    let empty_frame = Pop::Frame { len: 0, look: false };
    assert_eq!(found(to_64, |at| header::frame(at, 8)), empty_frame);
    assert!(matches!(found(to_64, |at| header::frame(at, 7)), Pop::Corrupt(_)), "no number");
    let longest = longest(CAPACITY) as usize;
    assert_eq!(found(to_64, |at| header::frame(at, 120)), Pop::Frame { len: longest, look: false });
    assert!(
        matches!(found(to_64, |at| header::frame(at, 121)), Pop::Corrupt(_)),
        "longer than half the ring"
    );
    assert_eq!(found(to_200, |at| header::frame(at, 48)), Pop::Frame { len: 40, look: false });
    assert!(matches!(found(to_200, |at| header::frame(at, 49)), Pop::Corrupt(_)), "beyond the ring's end");
    assert_eq!(found(to_200, |at| header::padding(at, 48)), empty_frame);
    assert!(matches!(found(to_200, |at| header::padding(at, 40)), Pop::Corrupt(_)), "not up to the end");
    assert!(
        matches!(found(to_64, |at| header::padding(at, 184)), Pop::Corrupt(_)),
        "more than half the ring"
    );
}

#[test]
fn a_publisher_refuses_positions_that_contradict_each_other() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, &[128; 4]);
    let attaches = |tail: u64, floor: u64| {
        memory.tail().store(tail, Relaxed);
        memory.floor().store(floor, Relaxed);
        memory.frames().store(4, Relaxed);
        Publisher::attach(memory.clone()).is_ok()
    };
    assert!(attaches(512, 512) && attaches(512, 256));
    assert!(!attaches(512, 248), "more than a ring");
    assert!(!attaches(512, 520), "beyond the tail");
    assert!(!attaches(512, 508), "within a word");
    assert!(!attaches(508, 504), "within a word");
}

#[test]
fn a_successor_counts_the_last_frame_of_its_predecessor() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, &[32, 32]);
    // It died after the header.
    memory.frames().store(1, Relaxed);
    memory.tail().store(32, Relaxed);
    let successor = Publisher::attach(memory.clone()).unwrap();
    assert_eq!((successor.position(), successor.sequence()), (64, 2));
    assert_eq!((memory.tail().load(Relaxed), memory.frames().load(Relaxed)), (64, 2));
}

#[test]
fn a_poisoned_ring_is_not_overwritten() {
    for mode in [Mode::Gated, Mode::Lossy] {
        let (memory, mut publisher) = ring(mode);
        publish(&mut publisher, &[64; 3]);
        memory.state().store(POISONED, Relaxed);
        assert!(matches!(publisher.try_publish(&[7; 48]), Err(Refused::Corrupt(_))));
        assert!(publisher.try_claim(48).is_err());
        assert_eq!(publisher.floor(), 0);
    }
}

#[test]
fn a_gated_subscriber_looks_at_the_publisher_once_a_quarter_and_when_it_has_read_all() {
    for mode in [Mode::Gated, Mode::Lossy] {
        let (memory, mut publisher) = ring(mode);
        let mut subscriber = join(&memory, Start::Oldest, || true);
        let gated = mode == Mode::Gated;
        assert_eq!(pop(&mut subscriber), Pop::Empty { look: false }, "nothing was read yet");
        publish(&mut publisher, &[32; 5]);
        for number in 0..5 {
            assert_eq!(pop(&mut subscriber), Pop::Frame { len: 16, look: gated && number % 2 == 1 });
        }
        assert_eq!(pop(&mut subscriber), Pop::Empty { look: gated });
        assert_eq!(pop(&mut subscriber), Pop::Empty { look: false });
    }
}

#[test]
fn who_joins_during_a_raise_starts_with_the_first_frame_that_is_kept() {
    // The first of the frames is being given up, by a publisher that is stopped.
    let joined = |start: Start| {
        let (memory, mut publisher) = ring(Mode::Gated);
        publish(&mut publisher, &[24; 4]);
        memory.rising().store(24, Relaxed);
        let subscriber = join(&memory, start, || true);
        let cursor = memory.cursor(0).load(Relaxed);
        (subscriber.position(), subscriber.sequence(), cursor >> 1)
    };
    assert_eq!(joined(Start::Oldest), (24, 1, 24));
    // Who has named a frame gets a report of those that are missing.
    assert_eq!(joined(Start::Numbered(0)), (0, 0, 24));
    assert_eq!(joined(Start::Numbered(2)), (48, 2, 48));
}

#[test]
fn a_subscriber_with_a_seat_says_where_it_is_and_what_it_missed_in_a_lossy_ring_too() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, &[32; 3]);
    let mut watcher = watch(&memory, Start::Next);
    let mut subscriber = join(&memory, Start::Next, || true);
    let cursor = || memory.cursor(0).load(Relaxed) >> 1;
    assert_eq!(cursor(), 96);
    publish(&mut publisher, &[32; 16]);
    let Pop::Missed { count } = pop(&mut watcher) else { panic!("overrun") };
    assert_eq!(memory.missed().load(Relaxed), 0, "who has no seat writes nothing");
    assert_eq!(pop(&mut subscriber), Pop::Missed { count });
    assert_eq!((memory.missed().load(Relaxed), cursor()), (count, subscriber.position()));
    assert_eq!(subscriber.position(), 96 + 32 * count);
}

#[test]
fn who_has_only_a_padding_given_up_misses_nothing() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, &[120, 80]);
    let mut subscriber = watch(&memory, Start::Next);
    // It does not fit into the 56 bytes that are left.
    publish(&mut publisher, &[64]);
    memory.floor().store(208, Relaxed);
    assert_eq!(pop(&mut subscriber), Pop::Frame { len: 48, look: false });
    assert_eq!((subscriber.position(), subscriber.sequence()), (CAPACITY + 64, 3));
}

#[test]
fn no_subscriber_goes_back() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, &[32; 3]);
    let mut subscriber = watch(&memory, Start::Next);
    publish(&mut publisher, &[32; 3]);
    // The frame that it would continue with has the number of one that it has read.
    memory.floor().store(128, Relaxed);
    memory.word(128 + 8).store(1, Relaxed);
    assert!(matches!(pop(&mut subscriber), Pop::Corrupt(_)));
    assert_eq!(subscriber.sequence(), 3);
}

#[test]
fn each_landmark_is_the_first_frame_of_its_sixteenth() {
    let (memory, mut publisher) = ring_of(1024, Mode::Lossy);
    let landmarks = || (0..16).map(|number| memory.landmark(number).load(Relaxed)).collect::<Vec<_>>();
    publish(&mut publisher, &[16; 63]);
    assert_eq!(landmarks(), (0..16).map(|number| 64 * number).collect::<Vec<_>>());
    publish(&mut publisher, &[16; 2]);
    assert_eq!(landmarks()[..2], [1024, 64]);
}

#[test]
fn the_oldest_frame_is_the_first_one_above_the_floor() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    for _ in 0..40 {
        publish(&mut publisher, &[32]);
        let oldest = watch(&memory, Start::Oldest);
        assert_eq!((oldest.position(), oldest.sequence()), (publisher.floor(), publisher.floor() / 32));
    }
}

#[test]
fn pieces_are_one_frame_and_an_empty_one_is_empty() {
    let (memory, mut publisher) = ring(Mode::Gated);
    let mut subscriber = join(&memory, Start::Oldest, || true);
    publisher.try_publish_vectored(&[b"one".as_slice(), b"", b", two"].map(IoSlice::new)).unwrap();
    publisher.try_publish_vectored(&[]).unwrap();
    assert_eq!([0, 1].map(|len| publisher.try_claim(len).unwrap().is_empty()), [true, false]);
    let view = subscriber.try_view().unwrap();
    let mut bytes = [0; 8];
    view.read(0, &mut bytes);
    assert_eq!((&bytes, view.is_empty()), (b"one, two", false));
    view.release();
    assert!(subscriber.try_view().unwrap().is_empty());
}
