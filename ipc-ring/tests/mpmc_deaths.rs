//! Deaths of ends of a many-to-many channel, in processes of their own: which ends learn of it, and from
//! which.

mod common;

use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_core::sem::SemaphoreSet;
use ipc_ring::mpmc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::platform::Site;
use ipc_ring::ring::mpmc::{Counter, Memory as _};
use ipc_ring::{Domain, WaitStrategy, fault};

fn builder(domain: &str) -> Builder<u64> {
    Builder::new("channel").domain(&Domain::open(domain).unwrap()).capacity(4).wait(WaitStrategy::Sleep)
}

fn site(name: &str) -> Site {
    Site::ALL.into_iter().find(|site| format!("{site:?}") == name).unwrap()
}

/// Pushes one message after another, each on command.
fn push_when_told(producer: &mut Producer<u64>, mut number: u64) {
    loop {
        match listen().as_str() {
            "push" => producer.push(number).unwrap(),
            _ => return,
        }
        number += 1;
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, first] => {
            let mut producer = builder(domain).create_sender().unwrap();
            say("ready");
            push_when_told(&mut producer, first.parse().unwrap());
        }
        // Pushes until it has woken a sleeper, then dies at a place in the next push.
        ["push-and-die", domain, at] => {
            let mut producer = builder(domain).create_sender().unwrap();
            say("ready");
            push_when_told(&mut producer, 0);
            fault::arm(site(at), 0);
            producer.push(1000).unwrap();
        }
        ["close-and-die", domain, from] => {
            let builder = builder(domain);
            fault::arm(Site::MpmcCloseSet, 0);
            match from {
                "producer" => builder.create_sender().unwrap().close(),
                _ => builder.create_receiver().unwrap().close(),
            }
        }
        ["pop", domain] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            say("ready");
            let popped = consumer.pop().unwrap();
            say(&popped.to_string());
            listen();
        }
        ["pop-and-die", domain, at] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            fault::arm(site(at), 0);
            say("ready");
            let popped = consumer.pop();
            panic!("the site was not reached: {popped:?}");
        }
        ["look-and-wait", domain] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            let _ = consumer.pop_with(|lent| {
                say(&format!("{} {}", lent.read(), lent.attempt()));
                listen();
            });
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// The tokens on the wake semaphores of a domain, except for the sixteen bells, which every death posts to.
/// After the lock, its holder and the mark follow groups of a process token and four wake semaphores.
fn tokens() -> usize {
    let mut tokens = 0;
    for (id, stat) in ipc_core::list::sets().unwrap() {
        if stat.count() == 1284 {
            let values = SemaphoreSet::from_id(id).values().unwrap();
            let wakes = values[4..].chunks(5).flat_map(|group| &group[1..]).skip(16);
            tokens += wakes.map(|value| usize::from(*value)).sum::<usize>();
        }
    }
    tokens
}

/// Lets a child push while the consumer sleeps, often enough that it has woken it.
fn be_woken_by(child: &mut Role, consumer: &mut Consumer<u64>) -> u64 {
    let mut popped = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(20));
                child.tell("push");
            }
        });
        for _ in 0..10 {
            popped = consumer.pop().unwrap();
        }
    });
    popped
}

#[test]
fn a_death_posts_to_whom_the_dead_has_woken() {
    private_namespace();
    let domain = unique("death-posts");
    let mut consumer = builder(&domain).create_receiver().unwrap();
    let mut stays = builder(&domain).create_sender().unwrap();
    let mut child = Role::start("push", &[&domain, "0"]);
    assert_eq!(child.hear(), "ready");
    be_woken_by(&mut child, &mut consumer);
    assert_eq!(tokens(), 0);
    child.kill();
    assert_eq!(tokens(), 1, "the kernel posted one");
    // An end that leaves undoes the arrangement.
    let mut child = Role::start("push", &[&domain, "0"]);
    assert_eq!(child.hear(), "ready");
    be_woken_by(&mut child, &mut consumer);
    let before = tokens();
    child.tell("end");
    child.finish();
    assert_eq!(tokens(), before);
    stays.push(1).unwrap();
    assert_eq!(consumer.pop().unwrap(), 1);
}

#[test]
fn a_sleeper_learns_that_all_producers_are_dead() {
    private_namespace();
    let domain = unique("all-dead");
    let mut consumer = builder(&domain).create_receiver().unwrap();
    let mut children: Vec<Role> = (0..3).map(|_| Role::start("push", &[&domain, "0"])).collect();
    for child in &mut children {
        assert_eq!(child.hear(), "ready");
        be_woken_by(child, &mut consumer);
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        children.iter_mut().for_each(Role::kill);
    });
    assert!(matches!(consumer.pop(), Err(PopError::PeerGone(_))));
    killer.join().unwrap();
}

#[test]
fn a_waker_killed_between_the_bit_and_the_token() {
    private_namespace();
    for at in ["WakeClaimed", "MpmcClaimed", "MpmcPublished"] {
        let domain = unique("waker");
        let mut consumer = builder(&domain).create_receiver().unwrap();
        let mut child = Role::start("push-and-die", &[&domain, at]);
        assert_eq!(child.hear(), "ready");
        assert_eq!(be_woken_by(&mut child, &mut consumer), 9);
        // Not the only producer, so that there is something to sleep for.
        let mut other = builder(&domain).create_sender().unwrap();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            child.tell("end");
            child.wait_killed();
        });
        if at == "MpmcClaimed" {
            assert!(matches!(consumer.pop_timeout(Duration::from_millis(200)), Err(PopError::TimedOut)));
        } else {
            assert_eq!(consumer.pop().unwrap(), 1000, "{at}");
        }
        killer.join().unwrap();
        other.push(1001).unwrap();
        assert_eq!(consumer.pop().unwrap(), 1001, "{at}");
        consumer.recover().unwrap();
        assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
    }
}

#[test]
fn a_consumer_killed_with_an_orphan_in_hand() {
    private_namespace();
    let domain = unique("orphan");
    let mut producer = builder(&domain).create_sender().unwrap();
    let mut consumer = builder(&domain).create_receiver().unwrap();
    producer.push(5).unwrap();
    let mut first = Role::start("look-and-wait", &[&domain]);
    assert_eq!(first.hear(), "5 0");
    first.kill();
    consumer.recover().unwrap();
    Role::start("pop-and-die", &[&domain, "MpmcOrphanTaken"]).wait_killed();
    assert_eq!(consumer.pop().unwrap(), 5);
    let orphaned = consumer.memory().counter(Counter::Orphaned);
    assert_eq!(orphaned.load(std::sync::atomic::Ordering::Relaxed), 2);
    // The slot is an ordinary slot.
    for number in 0..12 {
        producer.push(number).unwrap();
        assert_eq!(consumer.pop().unwrap(), number);
    }
}

#[test]
fn a_consumer_killed_after_it_passed_an_abandoned_slot() {
    private_namespace();
    let domain = unique("skip");
    let mut consumer = builder(&domain).create_receiver().unwrap();
    let mut child = Role::start("push-and-die", &[&domain, "MpmcWritten"]);
    assert_eq!(child.hear(), "ready");
    child.tell("end");
    child.wait_killed();
    let mut producer = builder(&domain).create_sender().unwrap();
    consumer.recover().unwrap();
    Role::start("pop-and-die", &[&domain, "MpmcSkipped"]).wait_killed();
    for number in 0..4 {
        producer.push(number).unwrap();
    }
    assert!(matches!(producer.try_push(4), Err(PushError::Full(4))), "exactly full");
    for number in 0..4 {
        assert_eq!(consumer.pop().unwrap(), number);
    }
}

#[test]
fn an_end_that_closes_may_die_before_the_others_are_notified() {
    private_namespace();
    for from in ["producer", "consumer"] {
        let domain = unique("close");
        let mut producer = builder(&domain).create_sender().unwrap();
        let mut consumer = builder(&domain).create_receiver().unwrap();
        producer.push(1).unwrap();
        let sleeper = std::thread::spawn({
            let mut consumer = builder(&domain).create_receiver().unwrap();
            move || {
                assert_eq!(consumer.pop().unwrap(), 1);
                consumer.pop()
            }
        });
        while !producer.is_empty() {
            std::thread::yield_now();
        }
        Role::start("close-and-die", &[&domain, from]).wait_killed();
        assert!(matches!(producer.try_push(2), Err(PushError::Closed(2))));
        assert!(matches!(consumer.pop(), Err(PopError::Closed)));
        assert!(matches!(sleeper.join().unwrap(), Err(PopError::Closed)), "the sleeper, too");
    }
}

/// The stream is closed, and the last message is in the hands of a consumer that is dead: it is not the end
/// yet.
#[test]
fn a_message_in_dead_hands_comes_before_the_end() {
    private_namespace();
    for form in ["pop", "try_pop", "slice", "look"] {
        let domain = unique("before-the-end");
        let mut producer = builder(&domain).create_sender().unwrap();
        let mut consumer = builder(&domain).create_receiver().unwrap();
        producer.push(5).unwrap();
        let mut reader = Role::start("look-and-wait", &[&domain]);
        assert_eq!(reader.hear(), "5 0");
        producer.close();
        assert!(matches!(consumer.try_pop(), Err(PopError::Closed)), "while it lives it may pop it");
        reader.kill();
        let mut out = [0; 4];
        let popped = match form {
            "pop" => consumer.pop(),
            "try_pop" => consumer.try_pop(),
            "slice" => consumer.try_pop_slice(&mut out).map(|_| out[0]),
            _ => {
                assert!(matches!(consumer.try_pop_with(|lent| lent.read()), Err(PopError::Empty)));
                consumer.try_pop_with(|lent| lent.read())
            }
        };
        assert_eq!(popped.unwrap(), 5, "{form}");
        assert!(matches!(consumer.pop(), Err(PopError::Closed)), "{form}");
    }
}
