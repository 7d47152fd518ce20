//! `quotes_publisher` and several `quotes_subscriber`s as processes.

mod common;

use common::{Program, isolated, kernel_objects};

#[test]
fn every_subscriber_gets_every_quote_from_its_start_on() {
    isolated("every_subscriber_gets_every_quote_from_its_start_on", || {
        let before = kernel_objects();
        let mut publisher = Program::start("quotes_publisher", &["2000"]);
        assert_eq!(publisher.says(), "waiting for quotes_subscriber");
        let subscribers: Vec<_> = (0..3)
            .map(|_| {
                let mut subscriber = Program::start("quotes_subscriber", &[]);
                let said = subscriber.says();
                let start = said.strip_prefix("reading from quote ").expect("where it starts").parse::<u64>();
                (subscriber, start.expect("a number"))
            })
            .collect();
        for (subscriber, start) in subscribers {
            let subscriber = subscriber.end();
            assert!(subscriber.status.success(), "{subscriber:?}");
            let numbers: Vec<u64> = subscriber
                .output
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|word| word.parse().ok())
                .collect();
            assert_eq!(start + numbers[0] + numbers[1], 2000, "{subscriber:?}");
        }
        let publisher = publisher.end();
        assert_eq!(publisher.output, "published 2000 quotes, dropped 0 dead subscribers\n");
        assert_eq!(kernel_objects(), before);
    });
}

#[test]
fn a_subscriber_says_that_its_publisher_was_killed() {
    isolated("a_subscriber_says_that_its_publisher_was_killed", || {
        let mut publisher = Program::start("quotes_publisher", &["1000000"]);
        assert_eq!(publisher.says(), "waiting for quotes_subscriber");
        let mut subscriber = Program::start("quotes_subscriber", &[]);
        assert_eq!(subscriber.says(), "reading from quote 0");
        std::thread::sleep(std::time::Duration::from_millis(50));
        publisher.kill();
        let subscriber = subscriber.end();
        assert!(!subscriber.status.success(), "{subscriber:?}");
        assert!(subscriber.errors.contains("died"), "{subscriber:?}");
    });
}
