//! Every kind of end, awaited in both directions, in two runtimes.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ipc_async::Async;
use ipc_ring::{Domain, Lifetime, PopError, PushError};
use ipc_ring::{broadcast, bytes, call, latest, mpmc, spsc};

fn domain(name: &str) -> Domain {
    Domain::open(&format!("async-{name}-{}", std::process::id())).expect("a domain")
}

/// Runs it in tokio with one thread, in tokio with two, and in smol.
fn everywhere<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    one.block_on(test());
    let two = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    two.block_on(async { tokio::spawn(test()).await.expect("no panic") });
    smol::block_on(test());
}

const MESSAGES: u64 = 300;

#[test]
fn spsc_messages_come_one_by_one_and_the_stream_ends() {
    let domain = domain("spsc");
    everywhere(|| {
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(8);
        let mut producer = Async::new(builder.create_sender().expect("a producer")).expect("a task's");
        let mut consumer = Async::new(builder.open_receiver().expect("a consumer")).expect("a task's");
        async move {
            let pushing = async move {
                for number in 0..MESSAGES {
                    producer.push(&number).await.expect("room");
                }
                producer.into_inner().close();
            };
            let popping = async {
                for number in 0..MESSAGES {
                    assert_eq!(consumer.pop().await.expect("a message"), number);
                }
                assert!(matches!(consumer.pop().await, Err(PopError::Closed)));
                assert!(consumer.next().await.is_none());
            };
            futures_util::join!(pushing, popping);
        }
    });
}

#[test]
fn frames_go_through_a_sink_and_a_stream() {
    let domain = domain("bytes");
    everywhere(|| {
        let builder = bytes::Builder::new("frames").domain(&domain).capacity(256);
        let producer = Async::new(builder.create_sender().expect("a producer")).expect("a task's");
        let consumer = Async::new(builder.open_receiver().expect("a consumer")).expect("a task's");
        async move {
            let frame = |number: u64| vec![number as u8; number as usize % 50];
            let mut sink = producer.into_sink::<Vec<u8>>();
            let pushing = async move {
                for number in 0..MESSAGES {
                    sink.send(frame(number)).await.expect("room");
                }
            };
            let popping = async {
                let popped: Vec<Vec<u8>> = consumer.map(|frame| frame.expect("a frame")).collect().await;
                assert!(popped.into_iter().eq((0..MESSAGES).map(frame)));
            };
            futures_util::join!(pushing, popping);
        }
    });
}

#[test]
fn mpmc_messages_reach_one_consumer_each() {
    let domain = domain("mpmc");
    everywhere(|| {
        let builder = mpmc::Builder::<u64>::new("numbers").domain(&domain).capacity(4);
        let producers: Vec<_> = (0..2)
            .map(|_| Async::new(builder.create_sender().expect("a producer")).expect("a task's"))
            .collect();
        let consumers: Vec<_> = (0..3)
            .map(|_| Async::new(builder.create_receiver().expect("a consumer")).expect("a task's"))
            .collect();
        async move {
            let pushing = futures_util::future::join_all(producers.into_iter().enumerate().map(
                |(part, mut producer)| async move {
                    for number in 0..MESSAGES {
                        producer.push(&(number * 2 + part as u64)).await.expect("room");
                    }
                    producer
                },
            ));
            let popping =
                futures_util::future::join_all(consumers.into_iter().map(|mut consumer| async move {
                    let mut popped = Vec::new();
                    while let Some(message) = consumer.next().await {
                        popped.push(message.expect("a message"));
                    }
                    popped
                }));
            let pushing = async {
                let mut producers = pushing.await;
                producers.pop().expect("two producers").into_inner().close();
            };
            let ((), popped) = futures_util::join!(pushing, popping);
            let mut popped = popped.concat();
            popped.sort_unstable();
            assert!(popped.into_iter().eq(0..2 * MESSAGES));
        }
    });
}

#[test]
fn subscribers_are_told_what_they_missed() {
    let domain = domain("broadcast");
    everywhere(|| {
        let builder = broadcast::Builder::<u64>::new("numbers").domain(&domain).capacity(8);
        let mut publisher = builder.create_sender().expect("a publisher");
        let mut fast = Async::new(builder.open_receiver().expect("a subscriber")).expect("a task's");
        let mut slow = Async::new(builder.open_receiver().expect("a subscriber")).expect("a task's");
        async move {
            for number in 0..20 {
                let popping = fast.pop();
                publisher.push(number).expect("published");
                assert_eq!(popping.await.expect("a message"), number);
            }
            assert!(matches!(slow.next().await, Some(Err(broadcast::PopError::Missed(_)))));
            assert!(slow.next().await.expect("the stream goes on").is_ok());
            publisher.close();
            assert!(fast.next().await.is_none());
        }
    });
}

#[test]
fn values_are_read_when_they_change() {
    let domain = domain("latest");
    everywhere(|| {
        let builder = latest::Builder::<u64>::new("value").domain(&domain);
        let mut writer = builder.create_sender().expect("a writer");
        let mut reader = Async::new(builder.open_receiver().expect("a reader")).expect("a task's");
        async move {
            for number in 0..20 {
                let changing = reader.pop();
                writer.publish(number).expect("published");
                assert_eq!(changing.await.expect("a value").value, number);
            }
            writer.close();
            assert!(matches!(reader.pop().await, Err(latest::ReadError::Closed)));
            assert!(matches!(reader.pop().await, Err(latest::ReadError::Closed)));
        }
    });
}

#[test]
fn calls_are_answered() {
    let domain = domain("call");
    everywhere(|| {
        let builder = call::Builder::<u64, u64>::new("double").domain(&domain);
        let mut caller = Async::new(builder.create_sender().expect("a caller")).expect("a task's");
        let mut responder = Async::new(builder.open_receiver().expect("a responder")).expect("a task's");
        async move {
            let asking = async move {
                for number in 0..100 {
                    assert_eq!(caller.call(number).await.expect("a reply"), 2 * number);
                }
                caller.into_inner().close();
            };
            let answering = async {
                while let Ok(request) = responder.take().await {
                    let value = request.value();
                    request.reply(2 * value);
                }
                assert!(matches!(responder.take().await, Err(call::CallError::Closed)));
            };
            futures_util::join!(asking, answering);
        }
    });
}

#[test]
fn a_peer_that_left_is_told_once_and_a_successor_is_waited_for() {
    let domain = domain("successor");
    everywhere(|| {
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).lifetime(Lifetime::Ephemeral);
        let first = builder.create_sender().expect("a producer");
        let mut consumer = Async::new(builder.open_receiver().expect("a consumer")).expect("a task's");
        let builder = builder.clone();
        async move {
            first.detach();
            assert!(matches!(consumer.pop().await, Err(PopError::PeerGone(_))));
            let mut second = builder.open_sender().expect("a successor");
            let popping = consumer.pop();
            second.push(7).expect("room");
            assert_eq!(popping.await.expect("a message"), 7);
        }
    });
}

#[test]
fn a_producer_learns_that_no_consumer_will_make_room() {
    let domain = domain("no-room");
    everywhere(|| {
        let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(2);
        let mut producer = Async::new(builder.create_sender().expect("a producer")).expect("a task's");
        let consumer = builder.open_receiver().expect("a consumer");
        async move {
            producer.push(&1).await.expect("room");
            producer.push(&2).await.expect("room");
            let closing = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                consumer.close();
            });
            assert!(matches!(producer.push(&3).await, Err(PushError::Closed(()))));
            closing.join().expect("no panic");
        }
    });
}
