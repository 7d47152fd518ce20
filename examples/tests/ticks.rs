//! `ticks_producer` and `ticks_consumer` as two processes.

mod common;

use std::time::Duration;

use common::{Program, isolated, kernel_objects};

#[test]
fn every_tick_arrives_in_any_order_of_start() {
    isolated("every_tick_arrives_in_any_order_of_start", || {
        let before = kernel_objects();
        for producer_first in [true, false] {
            let (producer, consumer);
            if producer_first {
                let mut first = Program::start("ticks_producer", &["50"]);
                assert_eq!(first.says(), "waiting for ticks_consumer");
                consumer = Program::start("ticks_consumer", &[]);
                producer = first;
            } else {
                let mut first = Program::start("ticks_consumer", &[]);
                assert_eq!(first.says(), "waiting for ticks");
                producer = Program::start("ticks_producer", &["50"]);
                consumer = first;
            }
            let (producer, consumer) = (producer.end(), consumer.end());
            assert!(producer.status.success() && consumer.status.success(), "{producer:?} {consumer:?}");
            assert_eq!(producer.output, "sent 50 ticks\n");
            // The quantities go from 1 to 10, five times.
            assert!(consumer.output.starts_with("received 50 ticks, volume 275, "), "{consumer:?}");
        }
        assert_eq!(kernel_objects(), before);
    });
}

#[test]
fn the_consumer_says_that_its_producer_was_killed() {
    isolated("the_consumer_says_that_its_producer_was_killed", || {
        let before = kernel_objects();
        let mut producer = Program::start("ticks_producer", &["1000000"]);
        assert_eq!(producer.says(), "waiting for ticks_consumer");
        let mut consumer = Program::start("ticks_consumer", &[]);
        assert_eq!(consumer.says(), "waiting for ticks");
        std::thread::sleep(Duration::from_millis(50));
        producer.kill();
        let consumer = consumer.end();
        assert!(!consumer.status.success(), "{consumer:?}");
        assert!(consumer.errors.contains("died"), "{consumer:?}");
        assert!(consumer.output.starts_with("received "), "{consumer:?}");
        assert_eq!(kernel_objects(), before);
    });
}

#[test]
fn a_second_producer_is_refused() {
    isolated("a_second_producer_is_refused", || {
        let mut first = Program::start("ticks_producer", &["1"]);
        assert_eq!(first.says(), "waiting for ticks_consumer");
        let second = Program::start("ticks_producer", &["1"]).end();
        assert!(!second.status.success(), "{second:?}");
        assert!(second.errors.contains("has a living producer already"), "{second:?}");
        let consumer = Program::start("ticks_consumer", &[]).end();
        assert!(consumer.output.starts_with("received 1 ticks, volume 1, "), "{consumer:?}");
        assert!(first.end().status.success());
    });
}
