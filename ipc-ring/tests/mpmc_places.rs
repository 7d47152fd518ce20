//! Messages of a many-to-many channel by reference, and long ones by value.

mod common;

use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use ipc_ring::Domain;
use ipc_ring::mpmc::{Builder, Consumer, PopError, Producer, PushError};

#[test]
fn messages_are_pushed_from_and_popped_into_places_of_the_callers() {
    private_namespace();
    let domain = Domain::open(&unique("in-place")).unwrap();
    let builder = || Builder::new("large").domain(&domain).capacity(2);
    let mut producer: Producer<[u64; 100]> = builder().create_sender().unwrap();
    let mut consumer: Consumer<[u64; 100]> = builder().create_receiver().unwrap();
    let message = |number: u64| std::array::from_fn(|word| number * 1000 + word as u64);
    let soon = || Instant::now() + Duration::from_millis(5);
    producer.push_from(&message(0)).unwrap();
    producer.try_push_from(&message(1)).unwrap();
    assert!(matches!(producer.try_push_from(&message(2)), Err(PushError::Full(()))));
    assert!(matches!(producer.push_from_deadline(&message(2), soon()), Err(PushError::TimedOut(()))));
    let mut place = message(9);
    consumer.pop_into(&mut place).unwrap();
    assert_eq!(place, message(0));
    consumer.try_pop_into(&mut place).unwrap();
    assert_eq!(place, message(1));
    assert!(matches!(consumer.try_pop_into(&mut place), Err(PopError::Empty)));
    assert!(matches!(consumer.pop_into_deadline(&mut place, soon()), Err(PopError::TimedOut)));
    assert_eq!(place, message(1), "a failed pop writes nothing");
    std::thread::scope(|scope| {
        scope.spawn(|| consumer.pop_into(&mut place).unwrap());
        producer.push_from(&message(3)).unwrap();
    });
    assert_eq!(place, message(3));
    // By value; they are longer than what the registers hold.
    assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
    assert!(matches!(consumer.pop_deadline(soon()), Err(PopError::TimedOut)));
    for number in 4..30 {
        producer.push(message(number)).unwrap();
        let popped = match number % 3 {
            0 => consumer.try_pop(),
            1 => consumer.pop(),
            _ => consumer.pop_deadline(soon()),
        };
        assert_eq!(popped.unwrap(), message(number));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(consumer.pop().unwrap(), message(30)));
        producer.push(message(30)).unwrap();
    });
}
