//! Messages of a broadcast by reference, and long ones by value.

mod common;

use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use ipc_ring::Domain;
use ipc_ring::broadcast::{Builder, Mode, PopError, Publisher, PushError, Subscriber};

#[test]
fn messages_are_published_from_and_popped_into_places_of_the_callers() {
    private_namespace();
    let domain = Domain::open(&unique("in-place")).unwrap();
    let builder = || Builder::new("large").domain(&domain).capacity(2).gated();
    let mut publisher: Publisher<[u64; 100]> = builder().create_sender().unwrap();
    let mut subscriber: Subscriber<[u64; 100]> = builder().open_receiver().unwrap();
    let message = |number: u64| std::array::from_fn(|word| number * 1000 + word as u64);
    let soon = || Instant::now() + Duration::from_millis(5);
    publisher.push_from(&message(0)).unwrap();
    publisher.try_push_from(&message(1)).unwrap();
    assert!(matches!(publisher.try_push_from(&message(2)), Err(PushError::Full(()))));
    assert!(matches!(publisher.push_from_deadline(&message(2), soon()), Err(PushError::TimedOut(()))));
    let mut place = message(9);
    subscriber.pop_into(&mut place).unwrap();
    assert_eq!(place, message(0));
    subscriber.try_pop_into(&mut place).unwrap();
    assert_eq!(place, message(1));
    assert!(matches!(subscriber.try_pop_into(&mut place), Err(PopError::Empty)));
    assert!(matches!(subscriber.pop_into_deadline(&mut place, soon()), Err(PopError::TimedOut)));
    publisher.push_from_deadline(&message(2), soon()).unwrap();
    subscriber.pop_into_deadline(&mut place, soon()).unwrap();
    assert_eq!(place, message(2));
    // A publisher that waits for room, and a subscriber that waits for messages.
    let reader = std::thread::spawn(move || {
        let mut place = message(0);
        for number in 3..1_000 {
            subscriber.pop_into(&mut place).unwrap();
            assert_eq!(place, message(number));
        }
        matches!(subscriber.pop_into(&mut place), Err(PopError::Closed))
    });
    for number in 3..1_000 {
        publisher.push_from(&message(number)).unwrap();
    }
    publisher.close();
    assert!(reader.join().unwrap(), "the stream ends behind the last message");
}

#[test]
fn messages_longer_than_the_registers_are_popped_by_value() {
    private_namespace();
    let domain = Domain::open(&unique("by-value")).unwrap();
    let message = |number: u64| std::array::from_fn(|word| number * 1000 + word as u64);
    let soon = || Instant::now() + Duration::from_millis(5);
    for mode in [Mode::Gated, Mode::Lossy] {
        let builder = || Builder::new("large").domain(&domain).capacity(4).mode(mode);
        let mut publisher: Publisher<[u64; 100]> = builder().create_sender().unwrap();
        let mut subscriber: Subscriber<[u64; 100]> = builder().open_receiver().unwrap();
        assert!(matches!(subscriber.try_pop(), Err(PopError::Empty)));
        assert!(matches!(subscriber.pop_deadline(soon()), Err(PopError::TimedOut)));
        for number in 0..20 {
            publisher.push(message(number)).unwrap();
            let popped = match number % 3 {
                0 => subscriber.try_pop(),
                1 => subscriber.pop(),
                _ => subscriber.pop_deadline(soon()),
            };
            assert_eq!(popped.unwrap(), message(number), "{mode:?}");
        }
        let full = (20..30).find(|number| publisher.try_push(message(*number)).is_err());
        match mode {
            Mode::Gated => assert_eq!(full, Some(24)),
            _ => assert!(full.is_none() && matches!(subscriber.try_pop(), Err(PopError::Missed(_)))),
        }
        let (last, left) = (full.unwrap_or(30), subscriber.behind());
        assert!((1..=4).contains(&left));
        let reader = std::thread::spawn(move || {
            let mut popped = Vec::new();
            while let Ok(one) = subscriber.pop() {
                popped.push(one);
            }
            popped
        });
        publisher.close();
        assert_eq!(reader.join().unwrap(), (last - left..last).map(message).collect::<Vec<_>>(), "{mode:?}");
    }
}
