//! What may go wrong around tasks that wait: deaths, stops, forks, objects that are removed, futures that are
//! dropped.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
mod hand;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use hand::Hand;
use ipc_async::Async;
use ipc_core::sem::{Op, SemId, SemaphoreSet};
use ipc_ring::platform::Site;
use ipc_ring::readiness::Driver;
use ipc_ring::{Domain, PeerExit, PopError, fault, mpmc, spsc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["produce", domain, ref channels @ ..] => produce(domain, channels, || {}),
        ["produce unarranged", domain, ref channels @ ..] => produce(domain, channels, forbid_arrangements),
        ["await", domain, channel] => await_in_a_child(domain, channel),
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn numbers(domain: &Domain, channel: &str) -> spsc::Builder<u64> {
    spsc::Builder::new(channel).domain(domain).capacity(64)
}

/// Creates a producer for each channel. Each command from the parent makes it push to the first one, or names
/// the place at which it is killed or stopped. `prepare` is called before its first push.
fn produce(domain: &str, channels: &[&str], prepare: impl FnOnce()) {
    let domain = Domain::open(domain).unwrap();
    let mut producers: Vec<_> =
        channels.iter().map(|channel| numbers(&domain, channel).create_sender().unwrap()).collect();
    prepare();
    say("ready");
    let mut pushed = 0;
    loop {
        match &*listen() {
            "push" => {}
            "push and die" => fault::arm(Site::WakeClaimed, 0),
            "push and stop" => fault::arm_stop(Site::WakeClaimed, 0),
            _ => return,
        }
        producers[0].push(pushed).unwrap();
        pushed += 1;
        say("pushed");
    }
}

/// A process arranges for its death by two operations on a semaphore at once.
fn forbid_arrangements() {
    // Some C libraries use one call, and some the other.
    common::sandbox::forbid_third(nix::libc::SYS_semop, 2);
    common::sandbox::forbid_third(nix::libc::SYS_semtimedop, 2);
    for set in &kernel_objects().1 {
        let id = set.split(' ').nth(1).unwrap().parse().unwrap();
        let arranged =
            SemaphoreSet::from_id(SemId::from_raw(id)).try_perform(&[Op::add(1, 1), Op::take(1, 1)]);
        assert_eq!(arranged.unwrap_err().raw_os_error(), Some(nix::libc::EPERM));
    }
}

fn await_in_a_child(domain: &str, channel: &str) {
    let domain = Domain::open(domain).unwrap();
    let mut consumer = Async::new(numbers(&domain, channel).create_receiver().unwrap()).unwrap();
    say("ready");
    let popped = smol::block_on(consumer.pop());
    assert!(matches!(popped, Err(PopError::PeerGone(PeerExit::Died { .. }))), "{popped:?}");
    say("told");
}

fn open(domain: &Domain, channel: &str) -> Async<spsc::Consumer<u64>> {
    Async::new(numbers(domain, channel).create_receiver().unwrap()).unwrap()
}

#[test]
fn a_producer_that_is_killed_is_told_to_the_task_that_waits() {
    private_namespace();
    let name = unique("killed");
    let domain = Domain::open(&name).unwrap();
    let mut consumer = open(&domain, "numbers");
    let mut producer = Role::start("produce", &[&name, "numbers"]);
    assert_eq!(producer.hear(), "ready");
    let killing = std::thread::spawn(move || {
        common::wait_for_a_sleeper();
        producer.kill();
    });
    let popped = smol::block_on(consumer.pop());
    assert!(matches!(popped, Err(PopError::PeerGone(PeerExit::Died { .. }))), "{popped:?}");
    killing.join().unwrap();
}

/// The corner: a notifier takes the bit of one task's end and dies before it posts. The kernel's token passes
/// for that one's, and the other task, which waits for the same process, has to be told all the same.
fn dies_between_bit_and_token(producing: &str) {
    private_namespace();
    for _ in 0..5 {
        let name = unique("corner");
        let domain = Domain::open(&name).unwrap();
        let mut ends = [open(&domain, "first"), open(&domain, "second")];
        let mut producer = Role::start(producing, &[&name, "first", "second"]);
        assert_eq!(producer.hear(), "ready");
        let hands = [Hand::new(), Hand::new()];
        // A first wake-up of the first channel, so that its death is arranged for; and of nothing else.
        hands[0].park(&mut ends[0]);
        let before = hands[0].woken();
        producer.tell("push");
        hands[0].wait_until_woken(before);
        assert_eq!(smol::block_on(ends[0].pop()).unwrap(), 0);
        for (hand, end) in hands.iter().zip(&mut ends) {
            hand.park(end);
        }
        let before = hands[1].woken();
        producer.tell("push and die");
        producer.wait_killed();
        hands[1].wait_until_woken(before);
        assert_eq!(smol::block_on(ends[0].pop()).unwrap(), 1, "what was published before");
        for end in &mut ends {
            let popped = smol::block_on(end.pop());
            assert!(matches!(popped, Err(PopError::PeerGone(PeerExit::Died { .. }))), "{popped:?}");
        }
    }
}

#[test]
fn a_notifier_that_dies_between_bit_and_token_is_told_to_every_task() {
    dies_between_bit_and_token("produce");
}

/// The kernel refuses to post a second token at its death, the one for the bit that it took: only the
/// driver's look a heartbeat later tells the other task.
#[test]
fn a_notifier_whose_death_could_not_be_arranged_for_is_told_to_every_task() {
    dies_between_bit_and_token("produce unarranged");
}

#[test]
fn a_notifier_that_is_stopped_between_bit_and_token_wakes_its_task_when_it_goes_on() {
    private_namespace();
    let name = unique("stopped");
    let domain = Domain::open(&name).unwrap();
    let mut consumer = open(&domain, "numbers");
    let mut producer = Role::start("produce", &[&name, "numbers"]);
    assert_eq!(producer.hear(), "ready");
    let hand = Hand::new();
    hand.park(&mut consumer);
    let before = hand.woken();
    producer.tell("push and stop");
    let stat = format!("/proc/{}/stat", producer.pid());
    let state = || std::fs::read_to_string(&stat).unwrap().rsplit_once(") ").unwrap().1.to_owned();
    while !state().starts_with('T') {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(producer.pid() as i32), Signal::SIGCONT).unwrap();
    hand.wait_until_woken(before);
    assert_eq!(smol::block_on(consumer.pop()).unwrap(), 0);
    assert_eq!(producer.hear(), "pushed");
}

/// There are sixteen semaphores that every death posts to; later drivers look by themselves.
#[test]
fn seventeen_drivers_of_a_domain_are_told_of_a_death() {
    private_namespace();
    let name = unique("many");
    let channels: Vec<String> = (0..17).map(|number| format!("numbers-{number}")).collect();
    let mut arguments = vec![&*name];
    arguments.extend(channels.iter().map(String::as_str));
    let mut producer = Role::start("produce", &arguments);
    assert_eq!(producer.hear(), "ready");
    let mut consumers: Vec<Role> = channels
        .iter()
        .map(|channel| {
            let mut consumer = Role::start("await", &[&name, channel]);
            assert_eq!(consumer.hear(), "ready");
            consumer
        })
        .collect();
    producer.kill();
    for consumer in &mut consumers {
        assert_eq!(consumer.hear(), "told");
    }
    consumers.into_iter().for_each(Role::finish);
}

#[test]
fn a_child_of_fork_is_told_so_and_takes_no_wake_up() {
    private_namespace();
    let domain = Domain::open(&unique("fork")).unwrap();
    let mut producer = numbers(&domain, "numbers").create_sender().unwrap();
    let mut consumer = open(&domain, "numbers");
    let hand = Hand::new();
    hand.park(&mut consumer);
    common::forks::in_a_child(|| {
        let popped = consumer.poll_pop(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(popped, Poll::Ready(Err(PopError::Forked))), "{popped:?}");
        let driver = Driver::of(&domain);
        assert!(driver.is_err(), "{driver:?}");
    });
    let before = hand.woken();
    producer.push(7).unwrap();
    hand.wait_until_woken(before);
    assert_eq!(smol::block_on(consumer.pop()).unwrap(), 7);
}

#[test]
fn tasks_of_a_domain_that_is_removed_are_told() {
    private_namespace();
    let domain = Domain::open(&unique("removed")).unwrap();
    let _producer = numbers(&domain, "numbers").create_sender().unwrap();
    let mut consumer = open(&domain, "numbers");
    let hand = Hand::new();
    hand.park(&mut consumer);
    let before = hand.woken();
    for set in &kernel_objects().1 {
        let id = set.split(' ').nth(1).unwrap().parse().unwrap();
        SemaphoreSet::from_id(SemId::from_raw(id)).remove().unwrap();
    }
    hand.wait_until_woken(before);
    for _ in 0..2 {
        let popped = smol::block_on(consumer.pop());
        assert!(matches!(popped, Err(PopError::System(_))), "{popped:?}");
    }
}

#[test]
fn futures_that_are_dropped_leave_nothing() {
    private_namespace();
    let domain = Domain::open(&unique("dropped")).unwrap();
    let mut producer = numbers(&domain, "numbers").create_sender().unwrap();
    let mut consumer = open(&domain, "numbers");
    let hand = Hand::new();
    let weak = Arc::downgrade(&hand.woken);
    for _ in 0..100_000 {
        let mut popping = pin!(consumer.pop());
        assert!(popping.as_mut().poll(&mut Context::from_waker(&hand.waker)).is_pending());
    }
    hand.park(&mut consumer);
    consumer.cancel();
    drop(hand);
    assert_eq!(weak.strong_count(), 0, "no waker is kept");
    producer.push(7).unwrap();
    assert_eq!(smol::block_on(consumer.pop()).unwrap(), 7);
}

/// Holds up the thread of the driver that calls it, until it is released.
struct HeldUp {
    own_wakes: AtomicU64,
    called: mpsc::Sender<()>,
    release: Mutex<mpsc::Receiver<()>>,
}

impl Wake for HeldUp {
    fn wake(self: Arc<Self>) {
        if std::thread::current().name() == Some("ipc-ring driver") {
            self.called.send(()).unwrap();
            let _ = self.release.lock().unwrap().recv();
        } else {
            self.own_wakes.fetch_add(1, Ordering::SeqCst); // A busy task wakes itself.
        }
    }
}

/// The thread may take its time in a waker: the process has left the domain without it, and may exit.
#[test]
fn a_domain_is_left_while_the_driver_calls_a_waker() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("held-up")).unwrap();
    let mut producer = numbers(&domain, "numbers").create_sender().unwrap();
    let mut consumer = open(&domain, "numbers");
    let ((called, is_called), (releases, release)) = (mpsc::channel(), mpsc::channel());
    let held_up = Arc::new(HeldUp { own_wakes: AtomicU64::new(0), called, release: Mutex::new(release) });
    let waker = Waker::from(Arc::clone(&held_up));
    let driver = Driver::of(&domain).unwrap();
    loop {
        let before = held_up.own_wakes.load(Ordering::SeqCst);
        assert!(consumer.poll_pop(&mut Context::from_waker(&waker)).is_pending());
        if held_up.own_wakes.load(Ordering::SeqCst) == before {
            break;
        }
    }
    producer.push(7).unwrap();
    is_called.recv().unwrap();
    drop((driver, producer, consumer, domain));
    // Left, and gone; a child that another test forks has its segments attached for a moment. If the domain
    // stays, the watchdog ends this.
    while kernel_objects() != before {
        std::thread::yield_now();
    }
    releases.send(()).unwrap();
}

/// Futures are dropped at any of their polls while messages come, armed or not. Each message arrives once,
/// and none lies in the ring while a task sleeps: no task checks by itself, so that would be a hang.
/// `ASYNC_CANCELS` sets the number of messages.
#[test]
fn futures_may_be_dropped_at_any_time() {
    private_namespace();
    let messages = std::env::var("ASYNC_CANCELS").map_or(20_000, |text| text.parse().unwrap());
    let domain = Domain::open(&unique("cancelled")).unwrap();
    let builder = mpmc::Builder::<u64>::new("numbers").domain(&domain).capacity(8);
    let mut producer = builder.create_sender().unwrap();
    let consumers = [1, 2].map(|seed| (seed, Async::new(builder.create_receiver().unwrap()).unwrap()));
    let pushing = std::thread::spawn(move || {
        for number in 0..messages {
            producer.push(number).unwrap();
            if number % 7 == 0 {
                // Consumers find nothing then, and arm.
                let until = Instant::now() + Duration::from_micros(number % 300);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            }
        }
        producer.close();
    });
    let dropped = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks =
        consumers.map(|(seed, consumer)| runtime.spawn(pop_and_drop(consumer, seed, Arc::clone(&dropped))));
    let mut popped: Vec<u64> =
        tasks.into_iter().flat_map(|task| runtime.block_on(task).expect("no panic")).collect();
    pushing.join().unwrap();
    popped.sort_unstable();
    assert!(popped.into_iter().eq(0..messages));
    assert!(dropped.load(Ordering::SeqCst) > messages / 10, "futures were dropped: {dropped:?}");
}

/// Pops everything, by futures that are given up after a random number of polls.
async fn pop_and_drop(
    mut consumer: Async<mpmc::Consumer<u64>>,
    seed: u64,
    dropped: Arc<AtomicU64>,
) -> Vec<u64> {
    let mut random = seed;
    let mut popped = Vec::new();
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let polls = match random >> 60 {
            0..8 => 0,
            8..12 => (random >> 40) % 40,
            _ => u64::MAX, // Until it is there.
        };
        tokio::select! {
            biased;
            message = consumer.pop() => match message {
                Ok(message) => popped.push(message),
                Err(mpmc::PopError::Closed) => return popped,
                Err(error) => panic!("{error}"),
            },
            () = give_way(polls) => {
                dropped.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Is ready after this many polls.
async fn give_way(polls: u64) {
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        if polls != u64::MAX {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}
