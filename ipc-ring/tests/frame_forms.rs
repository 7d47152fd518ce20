//! The forms in which frames are pushed and popped beside the plain ones: lent in place, in batches, of
//! several pieces; and subscribers that wait for their publisher.

mod common;

use std::io::IoSlice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use ipc_core::ErrorKind;
use ipc_ring::broadcast::frames;
use ipc_ring::{
    Builder, Channel, Domain, Kind, PeerExit, PeerState, PopError, PushError, Receiver, Sender, broadcast,
    bytes,
};

fn domain(name: &str) -> Domain {
    private_namespace();
    Domain::open(&unique(name)).unwrap()
}

fn byte_ends(domain: &Domain) -> (bytes::Producer, bytes::Consumer) {
    let builder = bytes::Builder::new("frames").domain(domain).capacity(4096);
    let consumer = builder.create_receiver().unwrap();
    (builder.create_sender().unwrap(), consumer)
}

fn copied(view: &bytes::View<'_>) -> Vec<u8> {
    view.to_vec()
}

fn frame_ends(builder: frames::Builder) -> (frames::Publisher, frames::Subscriber) {
    let subscriber = builder.create_receiver().unwrap();
    (builder.create_sender().unwrap(), subscriber)
}

#[test]
fn a_lent_frame_is_popped_after_its_use_and_stays_after_a_panic() {
    let (mut producer, mut consumer) = byte_ends(&domain("lent"));
    producer.push_batch(&[&b"one"[..], b"", b"three", b"four"]).unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| consumer.try_pop_with(|_| panic!("in the middle"))));
    assert!(caught.is_err());
    assert_eq!(consumer.popped(), 0, "the frame stays");

    let seen = consumer.try_pop_with(|view| (view.to_vec(), view.position())).unwrap();
    assert_eq!(seen, (b"one".to_vec(), 0));
    assert_eq!(consumer.popped(), 1);
    assert!(consumer.pop_with(copied).unwrap().is_empty());
    let now = Instant::now();
    assert_eq!(consumer.pop_with_deadline(copied, now).unwrap(), b"three", "what is there is popped");
    assert_eq!(consumer.pop_with_timeout(copied, Duration::ZERO).unwrap(), b"four");
    assert_eq!(consumer.popped(), 4);

    let mut calls = 0;
    assert!(matches!(consumer.try_pop_with(|_| calls += 1), Err(PopError::Empty)));
    assert!(matches!(consumer.pop_with_deadline(|_| calls += 1, now), Err(PopError::TimedOut)));
    assert!(matches!(consumer.pop_with_timeout(|_| calls += 1, Duration::ZERO), Err(PopError::TimedOut)));
    producer.push(b"last").unwrap();
    drop(producer);
    assert_eq!(consumer.pop_with(copied).unwrap(), b"last", "pushed before the end");
    assert!(matches!(consumer.pop_with(|_| calls += 1), Err(PopError::Closed)));
    assert_eq!(calls, 0, "without a frame nothing is called");
}

#[test]
fn a_lent_frame_is_waited_for_and_its_room_is_given_back() {
    let (mut producer, mut consumer) = byte_ends(&domain("lent-later"));
    let frame = |number: u32| vec![number as u8; (number % 700) as usize];
    thread::scope(|scope| {
        // Many times what fits, so that both ends wait.
        scope.spawn(move || (0..2000).for_each(|number| producer.push(&frame(number)).unwrap()));
        for number in 0..2000 {
            assert_eq!(consumer.pop_with(copied).unwrap(), frame(number), "frame {number}");
        }
        assert!(matches!(consumer.pop_with(copied), Err(PopError::Closed)));
    });
}

#[test]
fn a_batch_goes_as_far_as_there_is_room() {
    let gated = frames::Builder::new("gated").domain(&domain("batch")).capacity(4096).gated();
    let (mut publisher, mut subscriber) = frame_ends(gated);
    let batch: Vec<[u8; 256]> = (0..40).map(|number| [number; 256]).collect();
    let first = publisher.try_push_batch(&batch).unwrap();
    assert!((1..40).contains(&first), "{first} of 10 KiB fit into 4");
    assert_eq!(publisher.pushed(), first as u64);
    assert!(matches!(publisher.try_push_batch(&batch[first..]), Err(PushError::Full(0))));
    for frame in &batch[..first] {
        assert_eq!(subscriber.try_pop().unwrap(), frame);
    }
    assert!(matches!(subscriber.try_pop(), Err(PopError::Empty)), "nothing was published in part");
    let second = publisher.try_push_batch(&batch[first..first + 3]).unwrap();
    assert_eq!(second, 3);
    assert_eq!((&mut subscriber).take(3).map(Result::unwrap).collect::<Vec<_>>(), batch[first..first + 3]);

    assert_eq!(publisher.try_push_batch::<&[u8]>(&[]).unwrap(), 0);
    let long = vec![0; publisher.longest() + 1];
    assert!(matches!(publisher.try_push_batch(&[&long]), Err(PushError::TooLarge(0, _))));
    assert_eq!(publisher.try_push_batch(&[&b"short"[..], &long, b"behind"]).unwrap(), 1);
    assert_eq!(subscriber.try_pop().unwrap(), b"short");
    assert!(matches!(subscriber.try_pop(), Err(PopError::Empty)));
}

#[test]
fn a_lossy_publisher_has_room_for_any_batch() {
    let lossy = frames::Builder::new("lossy").domain(&domain("batch-lossy")).capacity(4096);
    let (mut publisher, mut subscriber) = frame_ends(lossy);
    let batch: Vec<[u8; 256]> = (0..40).map(|number| [number; 256]).collect();
    assert_eq!(publisher.try_push_batch(&batch).unwrap(), 40);
    let Err(PopError::Missed(missed)) = subscriber.try_pop() else { panic!("10 KiB do not fit into 4") };
    let rest: Vec<Vec<u8>> = subscriber.drain().map(Result::unwrap).collect();
    assert_eq!(missed.count + rest.len() as u64, 40);
    assert_eq!(rest, batch[missed.count as usize..]);
}

#[test]
fn pieces_arrive_as_one_frame() {
    let domain = domain("pieces");
    for builder in [frames::Builder::new("gated").gated(), frames::Builder::new("lossy")] {
        let (mut publisher, mut subscriber) = frame_ends(builder.domain(&domain).capacity(4096));
        // Lengths of all residues, over the end of the ring many times.
        for number in 0..500_usize {
            let whole: Vec<u8> = (0..number).map(|at| (at ^ number) as u8).collect();
            let (a, rest) = whole.split_at(number / 3);
            let (b, c) = rest.split_at(rest.len() / 2);
            let pieces = [a, b, &[], c].map(IoSlice::new);
            match number % 4 {
                0 => publisher.try_push_vectored(&pieces).unwrap(),
                1 => publisher.push_vectored(&pieces).unwrap(),
                2 => publisher.push_vectored_deadline(&pieces, Instant::now()).unwrap(),
                _ => publisher.push_vectored_timeout(&pieces, Duration::ZERO).unwrap(),
            }
            assert_eq!(subscriber.try_pop().unwrap(), whole, "frame {number}");
        }
        publisher.try_push_vectored(&[]).unwrap();
        assert_eq!(subscriber.try_pop().unwrap(), b"");
        let half = vec![0; publisher.longest() / 2 + 1];
        let pieces = [IoSlice::new(&half), IoSlice::new(&half)];
        assert!(matches!(publisher.try_push_vectored(&pieces), Err(PushError::TooLarge((), _))));
        assert!(matches!(publisher.push_vectored(&pieces), Err(PushError::TooLarge((), _))));
        assert!(matches!(subscriber.try_pop(), Err(PopError::Empty)));
    }
}

#[test]
fn pieces_wait_for_room() {
    let gated = frames::Builder::new("gated").domain(&domain("pieces-wait")).capacity(4096).gated();
    let (mut publisher, mut subscriber) = frame_ends(gated);
    let pieces = [IoSlice::new(&[1; 500]), IoSlice::new(&[2; 500])];
    let mut pushed = 0;
    while publisher.try_push_vectored(&pieces).is_ok() {
        pushed += 1;
    }
    assert!(matches!(publisher.try_push_vectored(&pieces), Err(PushError::Full(()))));
    assert!(matches!(
        publisher.push_vectored_deadline(&pieces, Instant::now()),
        Err(PushError::TimedOut(()))
    ));
    assert!(matches!(publisher.push_vectored_timeout(&pieces, Duration::ZERO), Err(PushError::TimedOut(()))));
    assert_eq!(publisher.pushed(), pushed);
    thread::scope(|scope| {
        scope.spawn(move || (0..100).for_each(|_| publisher.push_vectored(&pieces).unwrap()));
        let whole: Vec<u8> = [[1; 500], [2; 500]].concat();
        for _ in 0..pushed + 100 {
            assert_eq!(subscriber.pop().unwrap(), whole);
        }
        assert!(matches!(subscriber.pop(), Err(PopError::Closed)));
    });
}

/// What subscribers of these channels see of their publishers. `chosen` names a capacity.
fn publisher_is_awaited<K>(silent: &Builder<K>, chosen: &Builder<K>)
where
    K: Kind + Channel<Sender = Sender<K>, Receiver = Receiver<K>>,
    Builder<K>: Sync,
    Sender<K>: Send,
    Receiver<K>: Awaits,
{
    let zero = Some(Duration::ZERO);
    let alive = PeerState::Alive { pid: std::process::id() };
    let mut subscriber = silent.create_receiver().unwrap();
    assert_eq!(subscriber.wait_for_it(zero), PeerState::Gone(PeerExit::NeverAttached));
    // The publisher replaces the ring by one of the capacity that it chooses: the wait goes on there.
    thread::scope(|scope| {
        let publisher = scope.spawn(|| chosen.create_sender().unwrap());
        assert_eq!(subscriber.wait_for_it(None), alive);
        publisher.join().unwrap().detach();
    });
    assert_eq!(subscriber.capacity(), 1 << 14, "it has followed");
    assert_eq!(subscriber.wait_for_it(zero), PeerState::Gone(PeerExit::Detached));
    thread::scope(|scope| {
        let publisher = scope.spawn(|| chosen.open_sender().unwrap());
        assert_eq!(subscriber.wait_for_it(None), alive);
        publisher.join().unwrap().close();
    });
    assert_eq!(subscriber.wait_for_it(None), PeerState::Closed);
}

trait Awaits {
    fn wait_for_it(&mut self, timeout: Option<Duration>) -> PeerState;
}

impl Awaits for broadcast::Subscriber<u64> {
    fn wait_for_it(&mut self, timeout: Option<Duration>) -> PeerState {
        self.wait_for_peer(timeout).unwrap()
    }
}

impl Awaits for frames::Subscriber {
    fn wait_for_it(&mut self, timeout: Option<Duration>) -> PeerState {
        self.wait_for_peer(timeout).unwrap()
    }
}

#[test]
fn a_publisher_is_awaited() {
    let domain = domain("awaited");
    let silent = broadcast::Builder::<u64>::new("elements").domain(&domain);
    publisher_is_awaited(&silent, &silent.clone().capacity(1 << 14));
    let silent = frames::Builder::new("frames").domain(&domain);
    publisher_is_awaited(&silent, &silent.clone().capacity(1 << 14));
}

#[test]
fn an_interruption_ends_the_wait_for_a_publisher() {
    let domain = domain("awaited-no-more");
    let mut subscriber =
        broadcast::Builder::<u64>::new("elements").domain(&domain).create_receiver().unwrap();
    let interrupter = subscriber.interrupter();
    thread::scope(|scope| {
        scope.spawn(|| interrupter.interrupt());
        assert_eq!(subscriber.wait_for_peer(None).unwrap_err().kind(), ErrorKind::Interrupted);
    });
}
