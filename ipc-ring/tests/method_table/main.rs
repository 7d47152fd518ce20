//! The table of methods: each method of a sending or a receiving end exists on every kind of channel where it
//! has a meaning. It is called here on each kind, or said to have none there and why; and the methods and the
//! kinds that the source has are those of the table.

#![allow(clippy::redundant_pattern_matching, reason = "the patterns are arguments of a macro")]

#[path = "../common/mod.rs"]
mod common;
mod source;

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use ipc_ring::broadcast::frames;
use ipc_ring::{
    Channel, Domain, Elements, Kind, OneToOne, PeerState, Receiver, Sender, broadcast, bytes, mpmc, spsc,
};

const SPSC: &str = "spsc";
const MPMC: &str = "mpmc";
const BYTES: &str = "bytes";
const BROADCAST: &str = "broadcast";
const FRAMES: &str = "broadcast::frames";
const KINDS: [&str; 5] = [SPSC, MPMC, BYTES, BROADCAST, FRAMES];

const MANY: &str = "there may be many on the other side";
const MANY_PRODUCERS: &str = "an end among many does not know what the others do: the ring's counters do";
const BY_REFERENCE: &str = "a frame is pushed by reference in any case";
const A_FRAME: &str = "a slice of bytes is one frame; several frames are a batch";
const A_MESSAGE: &str = "several messages are a slice";
const ONE_PIECE: &str = "a message has one piece, and one length";
const OVERWRITTEN: &str = "a lossy publisher may write there: a gated one lends by `try_view`";
const HELD: &str = "a slot that is claimed and not written holds up all that come behind it";
const WAITS_BY_PUSH: &str = "a push waits; what it waits for is as long as a whole message";
const RECOVERY: &str = "a successor repairs what a dead end left, or the end that waits for it";
const COUNTED: &str = "counted from the start: see `popped`, `sequence`, `behind`";
const STREAM: &str = "boundaries matter, or messages are missed";
const COUNTERS: &str = "counters are read by `counters` or an observer";

/// Methods of an end that some kinds do not have, and why.
const BLANK: &[(&str, &str, &[&str], &str)] = &[
    ("Sender", "push_from", &[BYTES, FRAMES], BY_REFERENCE),
    ("Sender", "push_from_deadline", &[BYTES, FRAMES], BY_REFERENCE),
    ("Sender", "push_from_timeout", &[BYTES, FRAMES], BY_REFERENCE),
    ("Sender", "try_push_from", &[BYTES, FRAMES], BY_REFERENCE),
    ("Sender", "push_slice", &[BYTES, FRAMES], A_FRAME),
    ("Sender", "push_slice_deadline", &[BYTES, FRAMES], A_FRAME),
    ("Sender", "push_slice_timeout", &[BYTES, FRAMES], A_FRAME),
    ("Sender", "try_push_slice", &[BYTES, FRAMES], A_FRAME),
    ("Sender", "push_batch", &[SPSC, MPMC, BROADCAST], A_MESSAGE),
    ("Sender", "try_push_batch", &[SPSC, MPMC, BROADCAST], A_MESSAGE),
    ("Sender", "push_vectored", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Sender", "push_vectored_deadline", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Sender", "push_vectored_timeout", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Sender", "try_push_vectored", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Sender", "try_claim", &[MPMC], HELD),
    ("Sender", "claim", &[MPMC], HELD),
    ("Sender", "claim", &[SPSC, BROADCAST, FRAMES], WAITS_BY_PUSH),
    ("Sender", "longest", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Sender", "position", &[SPSC, MPMC, BROADCAST, FRAMES], "`pushed` counts what positions count"),
    ("Sender", "pushed", &[MPMC], MANY_PRODUCERS),
    ("Sender", "peer", &[MPMC, BROADCAST, FRAMES], MANY),
    ("Sender", "evict_peer", &[MPMC, BROADCAST, FRAMES], MANY),
    ("Sender", "wait_for_peer", &[MPMC, BROADCAST, FRAMES], MANY),
    ("Sender", "route", &[BYTES, FRAMES], "handles do not travel in frames"),
    ("Sender", "route", &[BROADCAST], "a handle has one receiver: `broadcast::payloads` counts many"),
    ("Sender", "recover", &[SPSC, BYTES, BROADCAST, FRAMES], RECOVERY),
    ("Sender", "len", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTED),
    ("Sender", "is_empty", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTED),
    ("Sender", "memory", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTERS),
    ("Sender", "mode", &[SPSC, MPMC, BYTES], "none is slower than the queue: it waits"),
    ("Receiver", "pop_vec", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Receiver", "pop_vec_deadline", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Receiver", "pop_vec_timeout", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Receiver", "try_pop_vec", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Receiver", "pop_slice", &[BYTES, FRAMES], A_FRAME),
    ("Receiver", "pop_slice_deadline", &[BYTES, FRAMES], A_FRAME),
    ("Receiver", "pop_slice_timeout", &[BYTES, FRAMES], A_FRAME),
    ("Receiver", "try_pop_slice", &[BYTES, FRAMES], A_FRAME),
    ("Receiver", "pop_with", &[BROADCAST, FRAMES], OVERWRITTEN),
    ("Receiver", "pop_with_deadline", &[BROADCAST, FRAMES], OVERWRITTEN),
    ("Receiver", "pop_with_timeout", &[BROADCAST, FRAMES], OVERWRITTEN),
    ("Receiver", "try_pop_with", &[BROADCAST, FRAMES], OVERWRITTEN),
    ("Receiver", "try_view", &[MPMC], "a message belongs to the one that pops it: `try_pop_with` lends it"),
    ("Receiver", "into_reader", &[SPSC, MPMC, BROADCAST, FRAMES], STREAM),
    ("Receiver", "longest", &[SPSC, MPMC, BROADCAST], ONE_PIECE),
    ("Receiver", "popped", &[MPMC], MANY_PRODUCERS),
    ("Receiver", "popped", &[BROADCAST, FRAMES], "what is missed is not popped: `sequence` counts both"),
    ("Receiver", "sequence", &[SPSC, BYTES], "`popped` is the next one's number"),
    ("Receiver", "sequence", &[MPMC], "messages go to many, in no order of one's own"),
    ("Receiver", "position", &[SPSC, MPMC], "is not started from: a successor continues"),
    ("Receiver", "behind", &[SPSC, BYTES], "an observer's `waiting` is the same for one receiver"),
    ("Receiver", "behind", &[MPMC], "`len`: none is behind alone"),
    ("Receiver", "len", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTED),
    ("Receiver", "is_empty", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTED),
    ("Receiver", "memory", &[SPSC, BYTES, BROADCAST, FRAMES], COUNTERS),
    ("Receiver", "mode", &[SPSC, MPMC, BYTES], "none is slower than the queue: it waits"),
    ("Receiver", "recover", &[SPSC, BYTES, BROADCAST, FRAMES], RECOVERY),
    ("Receiver", "peer", &[MPMC], MANY),
    ("Receiver", "evict_peer", &[MPMC], MANY),
    ("Receiver", "wait_for_peer", &[MPMC], MANY),
    ("Receiver", "close", &[BROADCAST, FRAMES], "a subscriber does not end the stream for the others"),
];

/// The calls made.
#[derive(Default)]
struct Table(BTreeSet<(&'static str, &'static str, &'static str)>);

/// Calls methods of an end, and notes that. Each result is as given.
macro_rules! call {
    ($table:expr, $side:literal, $kind:expr, $end:expr;
        $($method:ident ($($argument:expr),*) => $result:pat),* $(,)?) => {
        $({
            $table.0.insert(($side, stringify!($method), $kind));
            let result = $end.$method($($argument),*);
            assert!(matches!(result, $result), "{} of a {} of {}", stringify!($method), $side, $kind);
        })*
    };
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

const SECOND: Duration = Duration::from_secs(1);

/// What all kinds have.
fn of_all<K: Kind>(
    table: &mut Table,
    kind: &'static str,
    sender: &mut Sender<K>,
    receiver: &mut Receiver<K>,
) {
    call!(table, "Sender", kind, sender;
        capacity() => 1.., counters() => _, interrupter() => _, set_interruptible(true) => ());
    call!(table, "Receiver", kind, receiver;
        capacity() => 1.., counters() => _, interrupter() => _, set_interruptible(true) => (),
        last_error() => None);
}

/// What all kinds of elements have. Leaves the channel empty.
fn of_elements<K: Elements<Item = u64>>(
    table: &mut Table,
    kind: &'static str,
    sender: &mut Sender<K>,
    receiver: &mut Receiver<K>,
) {
    of_all(table, kind, sender, receiver);
    call!(table, "Sender", kind, sender;
        try_push(1) => Ok(()), try_push_from(&2) => Ok(()), push(3) => Ok(()),
        push_deadline(4, soon()) => Ok(()),
        push_timeout(5, SECOND) => Ok(()), push_from(&6) => Ok(()), push_from_deadline(&7, soon()) => Ok(()),
        push_from_timeout(&8, SECOND) => Ok(()),
        try_push_slice(&[9, 10]) => Ok(2), push_slice(&[11, 12]) => Ok(()),
        push_slice_deadline(&[13, 14], soon()) => Ok(()),
        push_slice_timeout(&[15, 16, 17, 18, 19], SECOND) => Ok(()));
    let (mut one, mut two) = (0, [0; 2]);
    call!(table, "Receiver", kind, receiver;
        try_pop() => Ok(1), pop() => Ok(2), pop_deadline(soon()) => Ok(3), pop_timeout(SECOND) => Ok(4),
        pop_into(&mut one) => Ok(()), pop_into_deadline(&mut one, soon()) => Ok(()),
        try_pop_into(&mut one) => Ok(()), pop_into_timeout(&mut one, SECOND) => Ok(()),
        try_pop_slice(&mut two) => Ok(2), pop_slice(&mut two) => Ok(2),
        pop_slice_deadline(&mut two, soon()) => Ok(2), pop_slice_timeout(&mut two, SECOND) => Ok(2));
    assert_eq!((one, two), (8, [15, 16]));
    assert_eq!((&mut *receiver).take(2).count(), 2, "the ends are iterators");
    table.0.insert(("Receiver", "drain", kind));
    assert_eq!(receiver.drain().count(), 1);
}

/// Calls what receivers have in kinds with one end on the other side.
macro_rules! of_receivers_of_one {
    ($table:expr, $kind:expr, $receiver:expr) => {
        call!($table, "Receiver", $kind, $receiver;
            peer() => Ok(PeerState::Alive { .. }), wait_for_peer(Some(SECOND)) => Ok(PeerState::Alive { .. }),
            evict_peer(soon()) => Err(_)); // Oneself.
    };
}

/// What kinds with one end on each side have.
fn of_pairs<K: OneToOne>(
    table: &mut Table,
    kind: &'static str,
    sender: &mut Sender<K>,
    receiver: &mut Receiver<K>,
) {
    call!(table, "Sender", kind, sender;
        peer() => Ok(PeerState::Alive { .. }), wait_for_peer(Some(SECOND)) => Ok(PeerState::Alive { .. }),
        evict_peer(soon()) => Err(_)); // Oneself.
    of_receivers_of_one!(table, kind, receiver);
}

/// How ends go. `open` opens both.
fn of_leaving<K: Kind>(
    table: &mut Table,
    kind: &'static str,
    open: impl Fn(&str) -> (Sender<K>, Receiver<K>),
) {
    let (sender, receiver) = open("detached");
    call!(table, "Sender", kind, sender; detach() => ());
    call!(table, "Receiver", kind, receiver; detach() => ());
    let (sender, _receiver) = open("closed");
    call!(table, "Sender", kind, sender; close() => ());
}

/// Both ends of a channel of this name in a domain.
fn ends<K>(builder: &ipc_ring::Builder<K>) -> (Sender<K>, Receiver<K>)
where
    K: Kind + Channel<Sender = Sender<K>, Receiver = Receiver<K>>,
{
    let receiver = builder.create_receiver().unwrap();
    (builder.create_sender().unwrap(), receiver)
}

#[test]
fn each_method_is_where_it_has_a_meaning() {
    common::private_namespace();
    let domain = Domain::open("method-table").unwrap();
    let mut table = Table::default();
    spsc_alone(&mut table, &domain);
    mpmc_alone(&mut table, &domain);
    broadcast_alone(&mut table, &domain);
    bytes_alone(&mut table, &domain);
    frames_alone(&mut table, &domain);

    assert_eq!(source::kinds(), BTreeSet::from(KINDS), "the kinds in the source");
    let methods = source::methods();
    let mut wrong = Vec::new();
    for ((side, method), kinds) in &methods {
        for kind in KINDS {
            let is_called = table.0.contains(&(*side, method.as_str(), kind));
            let blank =
                BLANK.iter().any(|(s, m, kinds, _)| s == side && m == method && kinds.contains(&kind));
            match (kinds.contains(kind), is_called, blank) {
                (true, true, false) | (false, false, true) => {}
                state => {
                    wrong
                        .push(format!("{side}::{method} of {kind}: in the source, called, blank: {state:?}"));
                }
            }
        }
    }
    for (side, method, kinds, _) in BLANK {
        if !methods.contains_key(&(*side, (*method).to_owned())) {
            wrong.push(format!("{side}::{method} of {kinds:?} is blank, and nowhere in the source"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let cells = methods.len() * KINDS.len();
    assert!(cells > 300, "the source was read: {cells} cells");
}

fn spsc_alone(table: &mut Table, domain: &Domain) {
    let open = |name: &str| ends(&spsc::Builder::<u64>::new(name).domain(domain).capacity(64));
    of_leaving(table, SPSC, |name| open(&format!("spsc-{name}")));
    let (mut sender, mut receiver) = open("spsc");
    of_elements(table, SPSC, &mut sender, &mut receiver);
    of_pairs(table, SPSC, &mut sender, &mut receiver);
    call!(table, "Sender", SPSC, sender; pushed() => 19, route() => _, try_claim() => Ok(_));
    sender.push_slice(&[1, 2, 3, 4]).unwrap();
    call!(table, "Receiver", SPSC, receiver;
        popped() => 19, try_view() => Ok(_), try_pop_with(|view| view.read()) => Ok(1),
        pop_with(|view| view.read()) => Ok(2), pop_with_deadline(|view| view.read(), soon()) => Ok(3),
        pop_with_timeout(|view| view.read(), SECOND) => Ok(4), close() => ());
}

fn mpmc_alone(table: &mut Table, domain: &Domain) {
    let open = |name: &str| ends(&mpmc::Builder::<u64>::new(name).domain(domain).capacity(64));
    of_leaving(table, MPMC, |name| open(&format!("mpmc-{name}")));
    let (mut sender, mut receiver) = open("mpmc");
    of_elements(table, MPMC, &mut sender, &mut receiver);
    sender.push_slice(&[1, 2, 3, 4]).unwrap();
    call!(table, "Sender", MPMC, sender;
        route() => _, recover() => Ok(_), len() => 4, is_empty() => false, memory() => _);
    call!(table, "Receiver", MPMC, receiver;
        recover() => Ok(_), len() => 4, is_empty() => false, memory() => _,
        try_pop_with(|lent| lent.read()) => Ok(1), pop_with(|lent| lent.read()) => Ok(2),
        pop_with_deadline(|lent| lent.read(), soon()) => Ok(3),
        pop_with_timeout(|lent| lent.read(), SECOND) => Ok(4), close() => ());
}

fn broadcast_alone(table: &mut Table, domain: &Domain) {
    let open = |name: &str| ends(&broadcast::Builder::<u64>::new(name).domain(domain).capacity(64).gated());
    of_leaving(table, BROADCAST, |name| open(&format!("broadcast-{name}")));
    let (mut sender, mut receiver) = open("broadcast");
    of_elements(table, BROADCAST, &mut sender, &mut receiver);
    of_receivers_of_one!(table, BROADCAST, receiver);
    call!(table, "Sender", BROADCAST, sender;
        pushed() => 19, mode() => broadcast::Mode::Gated, try_claim() => Ok(_));
    sender.push(1).unwrap();
    call!(table, "Receiver", BROADCAST, receiver;
        mode() => broadcast::Mode::Gated, sequence() => 19,
        position() => _,
        behind() => 1, try_view() => Ok(_));
}

fn bytes_alone(table: &mut Table, domain: &Domain) {
    let open = |name: &str| ends(&bytes::Builder::new(name).domain(domain).capacity(4096));
    of_leaving(table, BYTES, |name| open(&format!("bytes-{name}")));
    let (mut sender, mut receiver) = open("bytes");
    of_all(table, BYTES, &mut sender, &mut receiver);
    of_pairs(table, BYTES, &mut sender, &mut receiver);
    let pieces = [IoSlice::new(b"a"), IoSlice::new(b"b")];
    call!(table, "Sender", BYTES, sender;
        try_push(b"1") => Ok(()), push(b"2") => Ok(()), push_deadline(b"3", soon()) => Ok(()),
        push_timeout(b"4", SECOND) => Ok(()), try_push_batch(&[b"5"]) => Ok(1),
        push_batch(&[b"6", b"7"]) => Ok(()),
        try_push_vectored(&pieces) => Ok(()), push_vectored(&pieces) => Ok(()),
        push_vectored_deadline(&pieces, soon()) => Ok(()), push_vectored_timeout(&pieces, SECOND) => Ok(()),
        longest() => 1.., pushed() => 11,
        position() => 1..,
        try_claim(1) => Ok(_), claim(1) => Ok(_));
    let (mut buffer, mut vector) = ([0; 8], Vec::new());
    call!(table, "Receiver", BYTES, receiver;
        longest() => 1.., popped() => 0, position() => 0, try_view() => Ok(_),
        try_pop() => Ok(_), pop() => Ok(_), pop_deadline(soon()) => Ok(_), pop_timeout(SECOND) => Ok(_),
        try_pop_into(&mut buffer) => Ok(1), pop_into(&mut buffer) => Ok(1),
        pop_into_deadline(&mut buffer, soon()) => Ok(1),
        pop_into_timeout(&mut buffer, SECOND) => Ok(2),
        try_pop_vec(&mut vector) => Ok(2), pop_vec(&mut vector) => Ok(2),
        pop_vec_deadline(&mut vector, soon()) => Ok(2));
    sender.push_batch(&[b"8", b"9", b"0", b"1", b"2", b"3"]).unwrap();
    call!(table, "Receiver", BYTES, receiver;
        pop_vec_timeout(&mut vector, SECOND) => Ok(1), try_pop_with(|view| view.len()) => Ok(1),
        pop_with(|view| view.len()) => Ok(1), pop_with_deadline(|view| view.len(), soon()) => Ok(1),
        pop_with_timeout(|view| view.len(), SECOND) => Ok(1));
    table.0.insert(("Receiver", "drain", BYTES));
    assert_eq!(receiver.drain().count(), 1);
    call!(table, "Receiver", BYTES, receiver; into_reader() => _);
    let (_sender, receiver) = open("bytes-closed-by-the-consumer");
    call!(table, "Receiver", BYTES, receiver; close() => ());
}

fn frames_alone(table: &mut Table, domain: &Domain) {
    let open = |name: &str| ends(&frames::Builder::new(name).domain(domain).capacity(4096).gated());
    of_leaving(table, FRAMES, |name| open(&format!("frames-{name}")));
    let (mut sender, mut receiver) = open("frames");
    of_all(table, FRAMES, &mut sender, &mut receiver);
    of_receivers_of_one!(table, FRAMES, receiver);
    let pieces = [IoSlice::new(b"a"), IoSlice::new(b"b")];
    call!(table, "Sender", FRAMES, sender;
        try_push(b"1") => Ok(()), push(b"2") => Ok(()), push_deadline(b"3", soon()) => Ok(()),
        push_timeout(b"4", SECOND) => Ok(()), push_batch(&[b"5", b"6", b"7", b"8"]) => Ok(()),
        try_push_batch(&[b"9"]) => Ok(1), try_push_vectored(&pieces) => Ok(()),
        push_vectored(&pieces) => Ok(()), push_vectored_deadline(&pieces, soon()) => Ok(()),
        push_vectored_timeout(&pieces, SECOND) => Ok(()), longest() => 1..,
        mode() => broadcast::Mode::Gated, pushed() => 13, try_claim(1) => Ok(_));
    let (mut buffer, mut vector) = ([0; 8], Vec::new());
    call!(table, "Receiver", FRAMES, receiver;
        longest() => 1.., mode() => broadcast::Mode::Gated, sequence() => 0,
        position() => _, behind() => 13, try_view() => Ok(_),
        try_pop() => Ok(_), pop() => Ok(_), pop_deadline(soon()) => Ok(_), pop_timeout(SECOND) => Ok(_),
        try_pop_into(&mut buffer) => Ok(1), pop_into(&mut buffer) => Ok(1),
        pop_into_deadline(&mut buffer, soon()) => Ok(1),
        pop_into_timeout(&mut buffer, SECOND) => Ok(1), pop_vec(&mut vector) => Ok(1),
        try_pop_vec(&mut vector) => Ok(2), pop_vec_deadline(&mut vector, soon()) => Ok(2),
        pop_vec_timeout(&mut vector, SECOND) => Ok(2));
    table.0.insert(("Receiver", "drain", FRAMES));
    assert_eq!(receiver.drain().count(), 1);
}
