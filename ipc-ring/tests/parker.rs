//! Ends that sleep on a futex, alone and together with ends that sleep on a semaphore: every message wakes,
//! and a death and the removal of the domain are detected.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::{Domain, Parker, PeerExit, WaitStrategy, broadcast, bytes, call, latest, mpmc, spsc};

const MESSAGES: u64 = 300;

fn parker(name: &str) -> Parker {
    if name == "futex" { Parker::Futex } else { Parker::Semaphore }
}

fn spsc(domain: &str, parker: Parker) -> spsc::Builder<u64> {
    let domain = Domain::open(domain).unwrap();
    spsc::Builder::new("spsc").domain(&domain).capacity(4).wait(WaitStrategy::Sleep).parker(parker)
}

fn mpmc(domain: &str, parker: Parker) -> mpmc::Builder<u64> {
    let domain = Domain::open(domain).unwrap();
    mpmc::Builder::new("mpmc").domain(&domain).capacity(4).wait(WaitStrategy::Sleep).parker(parker)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", "spsc", domain, by] => {
            let mut producer = spsc(domain, parker(by)).create_sender().unwrap();
            (0..MESSAGES).for_each(|number| producer.push(number).unwrap());
        }
        ["push", "mpmc", domain, by] => {
            let mut producer = mpmc(domain, parker(by)).create_sender().unwrap();
            (0..MESSAGES).for_each(|number| producer.push(number).unwrap());
        }
        // Counts what it pops until the stream ends.
        ["pop", domain, by] => {
            let mut consumer = mpmc(domain, parker(by)).create_receiver().unwrap();
            say("ready");
            let mut popped = 0;
            while consumer.pop().is_ok() {
                popped += 1;
            }
            say(&popped.to_string());
        }
        ["hold", "spsc", domain] => {
            let mut producer = spsc(domain, Parker::Semaphore).create_sender().unwrap();
            producer.push(1).unwrap();
            say("pushed");
            listen();
        }
        ["hold", "mpmc", domain] => {
            let mut producer = mpmc(domain, Parker::Semaphore).create_sender().unwrap();
            producer.push(1).unwrap();
            say("pushed");
            listen();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Four slots, so that both sides sleep again and again.
#[test]
fn every_sleeper_on_every_kind_of_wait_is_woken() {
    private_namespace();
    for (sending, receiving) in [("futex", "futex"), ("futex", "semaphore"), ("semaphore", "futex")] {
        let domain = unique("parker-spsc");
        let mut consumer = spsc(&domain, parker(receiving)).create_receiver().unwrap();
        let producer = Role::start("push", &["spsc", &domain, sending]);
        for number in 0..MESSAGES {
            assert_eq!(consumer.pop().unwrap(), number, "{sending} to {receiving}");
        }
        assert!(matches!(consumer.pop(), Err(spsc::PopError::Closed)));
        producer.finish();
        drop(consumer);
    }
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn many_sleepers_of_both_kinds_share_a_queue() {
    private_namespace();
    let domain = unique("parker-mpmc");
    let mut consumers: Vec<Role> =
        ["futex", "semaphore", "futex"].into_iter().map(|by| Role::start("pop", &[&domain, by])).collect();
    for consumer in &mut consumers {
        assert_eq!(consumer.hear(), "ready");
    }
    let keeps_open = mpmc(&domain, Parker::Semaphore).create_sender().unwrap();
    let producers: Vec<Role> = ["futex", "semaphore", "futex"]
        .into_iter()
        .map(|by| Role::start("push", &["mpmc", &domain, by]))
        .collect();
    producers.into_iter().for_each(Role::finish);
    keeps_open.close();
    let popped: u64 = consumers.iter_mut().map(|consumer| consumer.hear().parse::<u64>().unwrap()).sum();
    assert_eq!(popped, 3 * MESSAGES);
    consumers.into_iter().for_each(Role::finish);
}

/// The kernel then wakes no one; the sleeper checks by itself.
#[test]
fn a_death_is_found_out_by_who_sleeps_on_a_futex() {
    private_namespace();
    let domain = unique("parker-death");
    let mut consumer = spsc(&domain, Parker::Futex).create_receiver().unwrap();
    let mut producer = Role::start("hold", &["spsc", &domain]);
    assert_eq!(consumer.pop().unwrap(), 1);
    assert_eq!(producer.hear(), "pushed");
    let pid = producer.pid();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        producer.kill();
    });
    match consumer.pop() {
        Err(spsc::PopError::PeerGone(PeerExit::Died { pid: died })) => assert_eq!(died, pid),
        other => panic!("{other:?}"),
    }
    killer.join().unwrap();

    let mut consumer = mpmc(&domain, Parker::Futex).create_receiver().unwrap();
    let mut producer = Role::start("hold", &["mpmc", &domain]);
    assert_eq!(consumer.pop().unwrap(), 1);
    assert_eq!(producer.hear(), "pushed");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        producer.kill();
    });
    assert!(matches!(consumer.pop(), Err(mpmc::PopError::PeerGone(_))));
    killer.join().unwrap();
}

#[test]
fn the_domains_removal_is_found_out_too() {
    private_namespace();
    let name = unique("parker-removal");
    let mut consumer = spsc(&name, Parker::Futex).create_receiver().unwrap();
    let many = mpmc(&name, Parker::Futex);
    let (mut second, producer) = (many.create_receiver().unwrap(), many.create_sender().unwrap());
    std::thread::scope(|scope| {
        let one = scope.spawn(|| consumer.pop());
        let two = scope.spawn(|| second.pop());
        std::thread::sleep(Duration::from_millis(50));
        for (id, _) in ipc_core::list::sets().unwrap() {
            ipc_core::sem::SemaphoreSet::from_id(id).remove().unwrap();
        }
        let (one, two) = (one.join().unwrap(), two.join().unwrap());
        assert!(matches!(one, Err(spsc::PopError::System(_))), "{one:?}");
        assert!(matches!(two, Err(mpmc::PopError::System(_))), "{two:?}");
    });
    drop((consumer, second, producer, many));
    for (id, _) in ipc_core::list::segments().unwrap() {
        ipc_core::shm::SharedMemory::from_id(id).remove().unwrap();
    }
}

/// The other kinds of channels, whose ends wait by the same means.
#[test]
fn every_kind_of_channel_can_sleep_on_a_futex() {
    private_namespace();
    let domain = Domain::open(&unique("parker-all")).unwrap();
    let pause = || std::thread::sleep(Duration::from_millis(5));

    let frames =
        bytes::Builder::new("frames").domain(&domain).wait(WaitStrategy::Sleep).parker(Parker::Futex);
    let (mut sending, mut receiving) = (frames.create_sender().unwrap(), frames.open_receiver().unwrap());
    let prices = broadcast::Builder::<u64>::new("prices")
        .domain(&domain)
        .wait(WaitStrategy::Sleep)
        .parker(Parker::Futex);
    let (mut pricing, mut priced) = (prices.create_sender().unwrap(), prices.open_receiver().unwrap());
    let pose =
        latest::Builder::<u64>::new("pose").domain(&domain).wait(WaitStrategy::Sleep).parker(Parker::Futex);
    let (mut writing, mut reading) = (pose.create_sender().unwrap(), pose.open_receiver().unwrap());
    let sums = call::Builder::<u64, u64>::new("sums")
        .domain(&domain)
        .wait(WaitStrategy::Sleep)
        .parker(Parker::Futex);
    let (mut calling, mut answering) = (sums.create_sender().unwrap(), sums.open_receiver().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..20 {
                pause();
                sending.push(&number.to_string().into_bytes()).unwrap();
                pricing.push(number).unwrap();
                writing.publish(number).unwrap();
                assert_eq!(calling.call(number).unwrap(), number + 1);
            }
        });
        for number in 0..20 {
            assert_eq!(receiving.pop().unwrap(), number.to_string().into_bytes());
            assert_eq!(priced.pop().unwrap(), number);
            assert_eq!(reading.wait().unwrap().value, number);
            let request = answering.take().unwrap();
            let sum = request.value() + 1;
            request.reply(sum);
        }
    });
}
