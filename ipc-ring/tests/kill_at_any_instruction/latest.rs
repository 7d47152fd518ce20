//! The newest value: a writer that dies leaves a whole value, the last or the one before, and a successor
//! continues counting.

use std::thread::JoinHandle;

use ipc_ring::latest::{Builder, ReadError, Reader, Value as Newest, Writer};
use ipc_ring::{Domain, PeerState, WaitStrategy};

use crate::queue::NAP;
use crate::spsc_common::{check, payload};
use crate::survivors::asleep;
use crate::sweep::{Case, Killed, Place, Survivor};

/// Some lines, so that a value can be torn.
type Value = [u8; 300];

fn builder(place: &Place) -> Builder<Value> {
    Builder::new("value").domain(&Domain::open(&place.domain).unwrap()).wait(WaitStrategy::Sleep)
}

/// Publications of the victim before its mark.
const BEFORE: u64 = 3;

pub fn cases() -> Vec<Case> {
    let mut cases = writers();
    cases.extend(readers());
    cases
}

/// A writer dies; a reader lives on, in some cases asleep.
fn writers() -> Vec<Case> {
    let case = |name: &str, is_asleep: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: !name.contains("publish"),
        prepare: Box::new(move |place| {
            let reader = Some(builder(place).create_receiver().unwrap());
            Box::new(Reads { is_asleep, reader, sleeper: None, place: place.clone() })
        }),
        live: Box::new(live),
    };
    let publish: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = builder(place).create_sender().unwrap();
        (0..BEFORE).for_each(|number| assert_eq!(writer.publish(payload(number)).unwrap(), number + 1));
        std::thread::sleep(NAP);
        mark();
        writer.publish(payload(BEFORE)).unwrap();
        mark();
    };
    let come: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let writer = builder(place).create_sender().unwrap();
        mark();
        drop(writer);
    };
    let detach: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = builder(place).create_sender().unwrap();
        writer.publish(payload(0)).unwrap();
        mark();
        writer.detach();
        mark();
    };
    let close: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = builder(place).create_sender().unwrap();
        writer.publish(payload(0)).unwrap();
        mark();
        writer.close();
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

struct Reads {
    is_asleep: bool,
    reader: Option<Reader<Value>>,
    /// Reads values until the writer is gone.
    sleeper: Option<JoinHandle<Reader<Value>>>,
    place: Place,
}

/// The number of a value is derived from its sequence; it must be whole.
fn check_value(value: &Newest<Value>) -> u64 {
    check(&value.value, value.sequence - 1);
    value.sequence
}

impl Survivor for Reads {
    fn born(&mut self) {
        if self.is_asleep {
            let mut reader = self.reader.take().unwrap();
            self.sleeper = Some(asleep(move || {
                let mut sequence = 0;
                loop {
                    match reader.wait() {
                        Ok(value) => {
                            assert!(check_value(&value) > sequence, "older than the one before");
                            sequence = value.sequence;
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
        let successor = builder(&self.place).create_sender();
        let mut reader = match self.sleeper.take() {
            None => self.reader.take().unwrap(),
            Some(sleeper) => {
                let writer = successor.unwrap();
                writer.detach();
                let reader = sleeper.join().unwrap();
                return go_on(&self.place, reader);
            }
        };
        if let Ok(writer) = successor {
            writer.detach();
        }
        if reader.peer().unwrap() == PeerState::Closed {
            // It got as far as closing: what was published last stays readable, and the name goes to a new
            // one.
            assert_eq!(check_value(&reader.get().unwrap().unwrap()), 1);
            assert!(matches!(reader.wait(), Err(ReadError::Closed)));
            drop(reader);
            reader = builder(&self.place).create_receiver().unwrap();
        }
        go_on(&self.place, reader);
    }
}

/// The value is whole, and a new writer continues counting where the dead one stopped.
fn go_on(place: &Place, mut reader: Reader<Value>) {
    let sequence = reader.get().unwrap().map_or(0, |newest| check_value(&newest));
    assert!(sequence <= BEFORE + 1);
    let mut writer = builder(place).create_sender().unwrap();
    for next in sequence..sequence + 10 {
        assert_eq!(writer.publish(payload(next)).unwrap(), next + 1);
        assert_eq!(check_value(&reader.wait().unwrap()), next + 1);
    }
    writer.close();
    assert!(matches!(reader.wait(), Err(ReadError::Closed)));
}

/// A reader dies; the writer and another reader live on.
fn readers() -> Vec<Case> {
    let case = |name: &str, is_long: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: name.contains("sleep"),
        is_long,
        prepare: Box::new(|place| {
            let reader = builder(place).create_receiver().unwrap();
            let mut writer = builder(place).create_sender().unwrap();
            writer.publish(payload(0)).unwrap();
            Box::new(Writes { place: place.clone(), writer, reader, published: 1 })
        }),
        live: Box::new(live),
    };
    vec![
        case("read a value", false, |place, mark| {
            let mut reader = builder(place).create_receiver().unwrap();
            mark();
            assert_eq!(check_value(&reader.get().unwrap().unwrap()), 1);
            mark();
        }),
        case("sleep until a value comes", false, |place, mark| {
            let mut reader = builder(place).create_receiver().unwrap();
            reader.get().unwrap();
            mark();
            assert!(check_value(&reader.wait().unwrap()) > 1);
            mark();
        }),
        case("become a reader", true, |place, mark| {
            mark();
            let reader = builder(place).create_receiver().unwrap();
            mark();
            drop(reader);
        }),
        case("leave off reading", true, |place, mark| {
            let reader = builder(place).create_receiver().unwrap();
            mark();
            drop(reader);
            mark();
        }),
    ]
}

struct Writes {
    place: Place,
    writer: Writer<Value>,
    reader: Reader<Value>,
    published: u64,
}

impl Survivor for Writes {
    fn rouse(&mut self) {
        // May be called too often.
        if self.published < BEFORE {
            self.published = self.writer.publish(payload(self.published)).unwrap();
        }
    }

    fn judge(self: Box<Self>, _: Killed) {
        let Writes { place, writer, reader, .. } = *self;
        writer.detach();
        go_on(&place, reader);
    }
}
