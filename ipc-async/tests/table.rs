//! Every end that can be awaited, as the table of docs/async.md has them: each of its futures finds nothing
//! first, so that it has to wait, and is woken.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

use std::borrow::Borrow;
use std::future::Future;
use std::pin::pin;

use common::{private_namespace, unique};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use ipc_async::{Async, Sender, SliceSource, SliceTarget, Source, Stream, Target};
use ipc_ring::broadcast::{frames, payloads};
use ipc_ring::pool::{self, Handle, Pool};
use ipc_ring::{Domain, PushError, Waitable, broadcast, bytes, call, control, latest, mpmc, spsc};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A row's name in the table, and what shows that it is true.
type Row = (&'static str, fn(&Domain));

const ROWS: &[Row] = &[
    ("`spsc::Consumer`", spsc_consumer),
    ("`mpmc::Consumer`", mpmc_consumer),
    ("`bytes::Consumer`", bytes_consumer),
    ("`broadcast::Subscriber`", subscriber),
    ("`broadcast::frames::Subscriber`", frames_subscriber),
    ("`broadcast::payloads::Subscriber`", payloads_subscriber),
    ("`spsc::Producer`", spsc_producer),
    ("`mpmc::Producer`", mpmc_producer),
    ("`bytes::Producer`", bytes_producer),
    ("`broadcast::Publisher`", publisher),
    ("`broadcast::frames::Publisher`", frames_publisher),
    ("`broadcast::payloads::Publisher`", payloads_publisher),
    ("`spsc::Consumer<Handle>`, `mpmc::Consumer<Handle>`", handles),
    ("`spsc::Producer<Handle>`, `mpmc::Producer<Handle>`", handles),
    ("`pool::Lender`", lender),
    ("`latest::Reader`", reader),
    ("`latest::TableReader`", table_reader),
    ("`call::Caller`", calls),
    ("`call::Responder`", calls),
    ("`Listener`", connections),
    ("`control::Connection`", connections),
    ("`control::Watch`", watch),
];

#[test]
fn every_end_of_the_table_is_awaited() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/async.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| end | as a future | and as |\n|---|---|---|\n").expect("the table");
    let rows: Vec<&str> =
        table.lines().map_while(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    assert_eq!(rows, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
    private_namespace();
    for (name, shows) in ROWS {
        println!("{name}");
        shows(&Domain::open(&unique("table")).unwrap());
    }
}

fn task<E: Waitable>(end: E) -> Async<E> {
    Async::new(end).unwrap()
}

/// Waits for a future that is not ready before `act`.
fn after<T>(future: impl Future<Output = T>, act: impl FnOnce()) -> T {
    smol::block_on(async {
        let mut future = pin!(future);
        assert!(futures_util::poll!(future.as_mut()).is_pending());
        act();
        future.await
    })
}

/// What comes by a future, and by the stream.
fn comes<E: Source<Error: std::fmt::Debug> + Unpin>(
    end: &mut Async<E>,
    mut push: impl FnMut(),
) -> [E::Item; 2] {
    let popped = after(end.pop(), &mut push).unwrap();
    [popped, after(end.next(), &mut push).unwrap().unwrap()]
}

fn slices_come<E: SliceSource<Item = u64>>(end: &mut Async<E>, push: impl FnOnce()) {
    let mut out = [0; 4];
    assert_eq!(after(end.pop_slice(&mut out), push).unwrap(), 1);
    assert_eq!(out[0], 7);
}

/// Pushes by a future, and by the sink, into a ring that is full. `pop` takes everything.
fn goes<E, I>(mut end: Async<E>, item: I, mut pop: impl FnMut())
where
    E: Target<Error: std::fmt::Debug> + Unpin,
    I: Borrow<E::Item> + Clone + Unpin,
{
    while end.push(item.borrow()).now_or_never().is_some() {}
    after(end.push(item.borrow()), &mut pop).unwrap();
    let mut sink = end.into_sink::<I>();
    while sink.send(item.clone()).now_or_never().is_some() {}
    after(sink.flush(), &mut pop).unwrap();
}

fn slices_go<E: SliceTarget<Item = u64>>(end: &mut Async<E>, pop: impl FnOnce()) {
    while end.push_some(&[7; 3]).now_or_never().is_some() {}
    assert!((1..=3).contains(&after(end.push_some(&[7; 3]), pop).unwrap()));
}

fn spsc_consumer(domain: &Domain) {
    let builder = spsc::Builder::<u64>::new("numbers").domain(domain);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = task(builder.open_receiver().unwrap());
    assert_eq!(comes(&mut consumer, || producer.push(7).unwrap()), [7; 2]);
    slices_come(&mut consumer, || producer.push(7).unwrap());
    let mut place = 0;
    after(consumer.pop_into(&mut place), || producer.push(7).unwrap()).unwrap();
    assert_eq!(place, 7);
}

fn mpmc_consumer(domain: &Domain) {
    let builder = mpmc::Builder::<u64>::new("numbers").domain(domain);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = task(builder.open_receiver().unwrap());
    assert_eq!(comes(&mut consumer, || producer.push(7).unwrap()), [7; 2]);
    slices_come(&mut consumer, || producer.push(7).unwrap());
    let mut place = 0;
    after(consumer.pop_into(&mut place), || producer.push(7).unwrap()).unwrap();
    assert_eq!(place, 7);
}

fn bytes_consumer(domain: &Domain) {
    let builder = bytes::Builder::new("frames").domain(domain);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = task(builder.open_receiver().unwrap());
    assert_eq!(comes(&mut consumer, || producer.push(b"seven").unwrap()), [b"seven"; 2]);
}

fn subscriber(domain: &Domain) {
    let builder = broadcast::Builder::<u64>::new("numbers").domain(domain);
    let mut publisher = builder.create_sender().unwrap();
    let mut subscriber = task(builder.open_receiver().unwrap());
    assert_eq!(comes(&mut subscriber, || publisher.push(7).unwrap()), [7; 2]);
    slices_come(&mut subscriber, || publisher.push(7).unwrap());
}

fn frames_subscriber(domain: &Domain) {
    let builder = frames::Builder::new("frames").domain(domain);
    let mut publisher = builder.create_sender().unwrap();
    let mut subscriber = task(builder.open_receiver().unwrap());
    assert_eq!(comes(&mut subscriber, || publisher.push(b"seven").unwrap()), [b"seven"; 2]);
}

fn pool(domain: &Domain) -> Pool {
    pool::Builder::new("blocks").domain(domain).class(64, 32).create().unwrap()
}

fn loan(pool: &Pool) -> pool::Loan {
    let mut loan = pool.loan(5).unwrap();
    loan.write_at(0, b"seven").unwrap();
    loan
}

fn payloads_subscriber(domain: &Domain) {
    let pool = pool(domain);
    let builder = payloads::Builder::new("payloads", &pool).domain(domain);
    let mut publisher = builder.create_sender().unwrap();
    let mut subscriber = task(builder.open_receiver().unwrap());
    let views = comes(&mut subscriber, || publisher.push(loan(&pool)).unwrap());
    assert_eq!(views.map(|view| view.to_vec().unwrap()), [b"seven"; 2]);
}

fn spsc_producer(domain: &Domain) {
    let builder = spsc::Builder::<u64>::new("numbers").domain(domain).capacity(8);
    let mut producer = task(builder.create_sender().unwrap());
    let mut consumer = builder.open_receiver().unwrap();
    slices_go(&mut producer, || assert_eq!(consumer.drain().count(), 8));
    goes(producer, 7, || assert!(consumer.drain().all(|number| number == 7)));
}

fn mpmc_producer(domain: &Domain) {
    let builder = mpmc::Builder::<u64>::new("numbers").domain(domain).capacity(8);
    let mut producer = task(builder.create_sender().unwrap());
    let mut consumer = builder.open_receiver().unwrap();
    let mut pop = || while consumer.try_pop().is_ok() {};
    slices_go(&mut producer, &mut pop);
    goes(producer, 7, pop);
}

fn bytes_producer(domain: &Domain) {
    let builder = bytes::Builder::new("frames").domain(domain).capacity(64);
    let producer = task(builder.create_sender().unwrap());
    let mut consumer = builder.open_receiver().unwrap();
    goes(producer, b"seven".to_vec(), || while consumer.try_pop().is_ok() {});
}

fn publisher(domain: &Domain) {
    let builder = broadcast::Builder::<u64>::new("numbers").domain(domain).capacity(8).gated();
    let mut publisher = task(builder.create_sender().unwrap());
    let mut subscriber = builder.open_receiver().unwrap();
    let mut pop = || while subscriber.try_pop().is_ok() {};
    slices_go(&mut publisher, &mut pop);
    goes(publisher, 7, pop);
}

fn frames_publisher(domain: &Domain) {
    let builder = frames::Builder::new("frames").domain(domain).capacity(4096).gated();
    let publisher = task(builder.create_sender().unwrap());
    let mut subscriber = builder.open_receiver().unwrap();
    goes(publisher, vec![7; 500], || while subscriber.try_pop().is_ok() {});
}

fn payloads_publisher(domain: &Domain) {
    let pool = pool(domain);
    let builder = payloads::Builder::new("payloads", &pool).domain(domain).capacity(4).gated();
    let mut publisher = task(builder.create_sender().unwrap());
    let mut subscriber = builder.open_receiver().unwrap();
    while publisher.push(loan(&pool)).now_or_never().is_some() {}
    after(publisher.push(loan(&pool)), || while subscriber.try_pop().is_ok() {}).unwrap();
    assert_eq!(subscriber.pop().unwrap().to_vec().unwrap(), b"seven");
}

fn handles(domain: &Domain) {
    let pool = pool(domain);
    let spsc = spsc::Builder::<Handle>::new("one").domain(domain).capacity(2);
    let (producer, consumer) = (spsc.create_sender().unwrap(), spsc.open_receiver().unwrap());
    handles_go(&pool, task(producer), task(consumer));
    let mpmc = mpmc::Builder::<Handle>::new("many").domain(domain).capacity(2);
    let (producer, consumer) = (mpmc.create_sender().unwrap(), mpmc.open_receiver().unwrap());
    handles_go(&pool, task(producer), task(consumer));
}

fn handles_go<P: Sender, C: ipc_async::Receiver>(
    pool: &Pool,
    mut producer: Async<P>,
    mut consumer: Async<C>,
) {
    while producer.send(loan(pool)).now_or_never().is_some() {}
    let mut receive = || {
        let received = consumer.receive(pool).now_or_never().expect("a handle").unwrap();
        assert_eq!(received.to_vec().unwrap(), b"seven");
    };
    let sent: Result<(), pool::SendError<PushError<()>>> = after(producer.send(loan(pool)), || {
        receive();
        receive();
    });
    sent.unwrap();
    receive();
    let received = after(consumer.receive(pool), || {
        producer.send(loan(pool)).now_or_never().expect("room").unwrap();
    });
    assert_eq!(received.unwrap().to_vec().unwrap(), b"seven");
}

fn lender(domain: &Domain) {
    let pool = pool::Builder::new("blocks").domain(domain).class(64, 1).create().unwrap();
    let mut lender = task(pool::Lender::new(&pool).unwrap());
    let held = pool.loan(8).unwrap();
    let lent = after(lender.loan(8), || drop(held)).unwrap();
    // A future that was woken and is dropped passes the block on to another lender.
    let mut other = task(pool::Lender::new(&pool).unwrap());
    smol::block_on(async {
        lender.set_budget(std::time::Duration::ZERO);
        other.set_budget(std::time::Duration::ZERO);
        let mut first = Box::pin(lender.loan(8));
        let mut second = Box::pin(other.loan(8));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(lent);
        drop(first);
        second.await.unwrap();
    });
}

fn reader(domain: &Domain) {
    let builder = latest::Builder::<u64>::new("value").domain(domain);
    let mut writer = builder.create_sender().unwrap();
    let mut reader = task(builder.open_receiver().unwrap());
    let values = comes(&mut reader, || _ = writer.publish(7).unwrap());
    assert_eq!(values.map(|value| value.value), [7; 2]);
}

fn table_reader(domain: &Domain) {
    let builder = latest::TableBuilder::<u64>::new("values").domain(domain).keys(70);
    let mut writer = builder.create_sender().unwrap();
    let mut reader = task(builder.open_receiver().unwrap());
    let mut keys = [3, 69].into_iter();
    let values = comes(&mut reader, || _ = writer.publish(keys.next().unwrap(), 7).unwrap());
    assert_eq!(values.map(|(key, value)| (key, value.value)), [(3, 7), (69, 7)]);
}

fn calls(domain: &Domain) {
    let builder = call::Builder::<u64, u64>::new("double").domain(domain);
    let mut caller = task(builder.create_sender().unwrap());
    let mut responder = task(builder.open_receiver().unwrap());
    smol::block_on(async {
        let mut taking = Box::pin(responder.take());
        assert!(futures_util::poll!(&mut taking).is_pending());
        let mut calling = Box::pin(caller.call(21));
        assert!(futures_util::poll!(&mut calling).is_pending());
        let request = taking.await.unwrap();
        let value = request.value();
        request.reply(2 * value);
        assert_eq!(calling.await.unwrap(), 42);
    });
}

fn connections(domain: &Domain) {
    let service = control::Builder::new("echo").domain(domain);
    let mut listener = task(service.bind().unwrap());
    for round in 0..2 {
        let (service, mut client) = (service.clone(), None);
        let connect = || {
            client = Some(std::thread::spawn(move || {
                let mut stream = Stream::new(service.connect().unwrap()).unwrap();
                smol::block_on(async {
                    stream.write_all(b"seven").await.unwrap();
                    let mut answer = [0; 5];
                    stream.read_exact(&mut answer).await.unwrap();
                    answer
                })
            }));
        };
        let connection = match round {
            0 => after(listener.pop(), connect).unwrap(),
            _ => after(listener.next(), connect).unwrap().unwrap(),
        };
        smol::block_on(async {
            let mut stream = Stream::new(connection).unwrap();
            let mut asked = [0; 5];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(&asked).await.unwrap();
            assert_eq!(&client.unwrap().join().unwrap(), b"seven");
        });
    }
}

fn watch(domain: &Domain) {
    let builder = mpmc::Builder::<u64>::new("numbers").domain(domain);
    let _producer = builder.create_sender().unwrap();
    let mut watch = task(control::Watch::new(domain, "numbers").unwrap());
    let mut consumers = Vec::new();
    let events = comes(&mut watch, || consumers.push(builder.open_receiver().unwrap()));
    assert!(events.iter().all(|event| matches!(event, control::ChannelEvent::Joined(_))), "{events:?}");
}
