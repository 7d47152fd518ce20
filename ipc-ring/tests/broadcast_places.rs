//! Messages of a broadcast by reference.

mod common;

use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use ipc_ring::Domain;
use ipc_ring::broadcast::{Builder, PopError, Publisher, PushError, Subscriber};

#[test]
fn messages_are_published_from_and_popped_into_places_of_the_callers() {
    private_namespace();
    let domain = Domain::open(&unique("in-place")).unwrap();
    let builder = || Builder::new("large").domain(&domain).capacity(2).gated();
    let mut publisher: Publisher<[u64; 100]> = builder().create_publisher().unwrap();
    let mut subscriber: Subscriber<[u64; 100]> = builder().open_subscriber().unwrap();
    let message = |number: u64| std::array::from_fn(|word| number * 1000 + word as u64);
    let soon = || Instant::now() + Duration::from_millis(5);
    publisher.publish_from(&message(0)).unwrap();
    publisher.try_publish_from(&message(1)).unwrap();
    assert!(matches!(publisher.try_publish_from(&message(2)), Err(PushError::Full(()))));
    assert!(matches!(publisher.publish_from_deadline(&message(2), soon()), Err(PushError::TimedOut(()))));
    let mut place = message(9);
    subscriber.pop_into(&mut place).unwrap();
    assert_eq!(place, message(0));
    subscriber.try_pop_into(&mut place).unwrap();
    assert_eq!(place, message(1));
    assert!(matches!(subscriber.try_pop_into(&mut place), Err(PopError::Empty)));
    assert!(matches!(subscriber.pop_into_deadline(&mut place, soon()), Err(PopError::TimedOut)));
    publisher.publish_from_deadline(&message(2), soon()).unwrap();
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
        publisher.publish_from(&message(number)).unwrap();
    }
    publisher.close();
    assert!(reader.join().unwrap(), "the stream ends behind the last message");
}
