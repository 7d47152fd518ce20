//! The newest value: a writer that dies leaves a whole value, the last or the one before, and a successor
//! continues counting. Through ends that know the type, and through ends that move bytes.

use std::thread::JoinHandle;

use ipc_ring::latest::{Builder, ReadError, Reader, Writer};
use ipc_ring::layout::Kind;
use ipc_ring::raw::{self, RawReceiver, RawSender, ReceiveError, Received};
use ipc_ring::{Domain, ElementType, PeerState, PopError, WaitStrategy};

use crate::queue::NAP;
use crate::spsc_common::{check, payload};
use crate::survivors::asleep;
use crate::sweep::{Case, Killed, Place, Survivor};

/// Some lines, so that a value can be torn.
type Value = [u8; 300];

/// The ends of the channel. What they read is given by its sequence number, after a check that it is the
/// value of that number and whole.
pub trait Ends: Send + 'static {
    type Writer: Send;
    type Reader: Send;

    /// Takes the writer's seat; `None` when there is another writer.
    fn writer(place: &Place) -> Option<Self::Writer>;
    fn reader(place: &Place) -> Self::Reader;
    /// Publishes the value after this number of others.
    fn publish(writer: &mut Self::Writer, number: u64);
    fn detach(writer: Self::Writer);
    fn close(writer: Self::Writer);
    /// The newest value, if there is one.
    fn newest(reader: &mut Self::Reader) -> Option<u64>;
    /// Waits for a newer one.
    fn wait(reader: &mut Self::Reader) -> Result<u64, ReadError>;
    fn is_closed(reader: &mut Self::Reader) -> bool;
}

/// Ends that know the type.
#[derive(Debug)]
pub struct Typed;

fn builder(place: &Place) -> Builder<Value> {
    Builder::new("value").domain(&Domain::open(&place.domain).unwrap()).wait(WaitStrategy::Sleep)
}

fn checked(sequence: u64, value: &Value) -> u64 {
    check(value, sequence - 1);
    sequence
}

impl Ends for Typed {
    type Writer = Writer<Value>;
    type Reader = Reader<Value>;

    fn writer(place: &Place) -> Option<Writer<Value>> {
        builder(place).create_sender().ok()
    }

    fn reader(place: &Place) -> Reader<Value> {
        builder(place).create_receiver().unwrap()
    }

    fn publish(writer: &mut Writer<Value>, number: u64) {
        assert_eq!(writer.publish(payload(number)).unwrap(), number + 1);
    }

    fn detach(writer: Writer<Value>) {
        writer.detach();
    }

    fn close(writer: Writer<Value>) {
        writer.close();
    }

    fn newest(reader: &mut Reader<Value>) -> Option<u64> {
        reader.get().unwrap().map(|newest| checked(newest.sequence, &newest.value))
    }

    fn wait(reader: &mut Reader<Value>) -> Result<u64, ReadError> {
        reader.wait().map(|value| checked(value.sequence, &value.value))
    }

    fn is_closed(reader: &mut Reader<Value>) -> bool {
        reader.peer().unwrap() == PeerState::Closed
    }
}

/// Ends that move bytes.
#[derive(Debug)]
pub struct Raw;

/// Such a reader is given each value once, so it remembers the last one.
#[derive(Debug)]
pub struct RawReader {
    receiver: RawReceiver,
    newest: Option<u64>,
    is_closed: bool,
}

impl RawReader {
    fn received(&mut self, received: Received, value: &Value) -> u64 {
        let sequence = checked(received.sequence.unwrap(), value);
        assert!(self.newest < Some(sequence), "a value a second time");
        self.newest = Some(sequence);
        sequence
    }
}

fn raw_builder(place: &Place) -> raw::Builder {
    let element = ElementType::new(size_of::<Value>(), 1, "[u8;300]").unwrap();
    let builder = raw::Builder::new("value").domain(&Domain::open(&place.domain).unwrap());
    builder.kind(Kind::Latest).element(&element).wait(WaitStrategy::Sleep)
}

impl Ends for Raw {
    type Writer = RawSender;
    type Reader = RawReader;

    fn writer(place: &Place) -> Option<RawSender> {
        raw_builder(place).create_sender().ok()
    }

    fn reader(place: &Place) -> RawReader {
        let receiver = raw_builder(place).create_receiver().unwrap();
        RawReader { receiver, newest: None, is_closed: false }
    }

    fn publish(writer: &mut RawSender, number: u64) {
        writer.send(&payload::<300>(number)).unwrap();
    }

    fn detach(writer: RawSender) {
        writer.detach();
    }

    fn close(writer: RawSender) {
        writer.close();
    }

    fn newest(reader: &mut RawReader) -> Option<u64> {
        let mut value = [0; 300];
        match reader.receiver.try_receive(&mut value) {
            Ok(received) => _ = reader.received(received, &value),
            Err(ReceiveError::Pop(PopError::Empty) | ReceiveError::Read(ReadError::PeerGone(_))) => {}
            Err(ReceiveError::Read(ReadError::Closed)) => reader.is_closed = true,
            Err(other) => panic!("{other}"),
        }
        reader.newest
    }

    fn wait(reader: &mut RawReader) -> Result<u64, ReadError> {
        let mut value = [0; 300];
        match reader.receiver.receive(&mut value) {
            Ok(received) => Ok(reader.received(received, &value)),
            Err(ReceiveError::Read(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    fn is_closed(reader: &mut RawReader) -> bool {
        // The first time, there may be a last value.
        for _ in 0..2 {
            Self::newest(reader);
        }
        reader.is_closed
    }
}

/// Publications of the victim before its mark.
const BEFORE: u64 = 3;

pub fn cases<E: Ends>() -> Vec<Case> {
    let mut cases = writers::<E>();
    cases.extend(readers::<E>());
    cases
}

/// A writer dies; a reader lives on, in some cases asleep.
fn writers<E: Ends>() -> Vec<Case> {
    let case = |name: &str, is_asleep: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: !name.contains("publish"),
        prepare: Box::new(move |place| {
            let reader = Some(E::reader(place));
            Box::new(Reads::<E> { is_asleep, reader, sleeper: None, place: place.clone() })
        }),
        live: Box::new(live),
    };
    let publish: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = E::writer(place).unwrap();
        (0..BEFORE).for_each(|number| E::publish(&mut writer, number));
        std::thread::sleep(NAP);
        mark();
        E::publish(&mut writer, BEFORE);
        mark();
    };
    let come: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let writer = E::writer(place).unwrap();
        mark();
        drop(writer);
    };
    let detach: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = E::writer(place).unwrap();
        E::publish(&mut writer, 0);
        mark();
        E::detach(writer);
        mark();
    };
    let close: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = E::writer(place).unwrap();
        E::publish(&mut writer, 0);
        mark();
        E::close(writer);
        mark();
    };
    vec![
        case("publish a value", false, publish),
        case("publish to a sleeper", true, publish),
        case("become the writer", false, come),
        case("become the writer a sleeper waits for", true, come),
        case("give the writing up", false, detach),
        case("give the writing up beside a sleeper", true, detach),
        case("close", false, close),
    ]
}

struct Reads<E: Ends> {
    is_asleep: bool,
    reader: Option<E::Reader>,
    /// Reads values until the writer is gone.
    sleeper: Option<JoinHandle<E::Reader>>,
    place: Place,
}

impl<E: Ends> Survivor for Reads<E> {
    fn born(&mut self) {
        if self.is_asleep {
            let mut reader = self.reader.take().unwrap();
            self.sleeper = Some(asleep(move || {
                let mut sequence = 0;
                loop {
                    match E::wait(&mut reader) {
                        Ok(newer) => {
                            assert!(newer > sequence, "older than the one before");
                            sequence = newer;
                        }
                        Err(ReadError::PeerGone(_)) => return reader,
                        Err(other) => panic!("{other}"),
                    }
                }
            }));
        }
    }

    fn judge(mut self: Box<Self>, _: Killed) {
        // A victim that dies before it is a writer leaves the sleeper waiting for one; so does its successor,
        // for a moment.
        let successor = E::writer(&self.place);
        let mut reader = match self.sleeper.take() {
            None => self.reader.take().unwrap(),
            Some(sleeper) => {
                E::detach(successor.unwrap());
                let reader = sleeper.join().unwrap();
                return go_on::<E>(&self.place, reader);
            }
        };
        if let Some(writer) = successor {
            E::detach(writer);
        }
        if E::is_closed(&mut reader) {
            // It got as far as closing: what was published last stays readable, and the name goes to a new
            // one.
            assert_eq!(E::newest(&mut reader), Some(1));
            assert!(matches!(E::wait(&mut reader), Err(ReadError::Closed)));
            drop(reader);
            reader = E::reader(&self.place);
        }
        go_on::<E>(&self.place, reader);
    }
}

/// The value is whole, and a new writer continues counting where the dead one stopped.
fn go_on<E: Ends>(place: &Place, mut reader: E::Reader) {
    let sequence = E::newest(&mut reader).unwrap_or(0);
    assert!(sequence <= BEFORE + 1);
    let mut writer = E::writer(place).unwrap();
    for next in sequence..sequence + 10 {
        E::publish(&mut writer, next);
        assert_eq!(E::wait(&mut reader).unwrap(), next + 1);
    }
    E::close(writer);
    assert!(matches!(E::wait(&mut reader), Err(ReadError::Closed)));
}

/// A reader dies; the writer and another reader live on.
fn readers<E: Ends>() -> Vec<Case> {
    let case = |name: &str, is_long: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: name.contains("sleep"),
        is_long,
        prepare: Box::new(|place| {
            let reader = E::reader(place);
            let mut writer = E::writer(place).unwrap();
            E::publish(&mut writer, 0);
            Box::new(Writes::<E> { place: place.clone(), writer, reader, published: 1 })
        }),
        live: Box::new(live),
    };
    vec![
        case("read a value", false, |place, mark| {
            let mut reader = E::reader(place);
            mark();
            assert_eq!(E::newest(&mut reader), Some(1));
            mark();
        }),
        case("sleep until a value comes", false, |place, mark| {
            let mut reader = E::reader(place);
            E::newest(&mut reader);
            mark();
            assert!(E::wait(&mut reader).unwrap() > 1);
            mark();
        }),
        case("become a reader", true, |place, mark| {
            mark();
            let reader = E::reader(place);
            mark();
            drop(reader);
        }),
        case("leave off reading", true, |place, mark| {
            let reader = E::reader(place);
            mark();
            drop(reader);
            mark();
        }),
    ]
}

struct Writes<E: Ends> {
    place: Place,
    writer: E::Writer,
    reader: E::Reader,
    published: u64,
}

impl<E: Ends> Survivor for Writes<E> {
    fn rouse(&mut self) {
        // May be called too often.
        if self.published < BEFORE {
            E::publish(&mut self.writer, self.published);
            self.published += 1;
        }
    }

    fn judge(self: Box<Self>, _: Killed) {
        let Writes { place, writer, reader, .. } = *self;
        E::detach(writer);
        go_on::<E>(&place, reader);
    }
}
