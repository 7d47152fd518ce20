//! The newest value: a writer that dies leaves a whole value, the last or the one before, and a successor goes on counting.

use ipc_ring::latest::{Builder, ReadError, Reader};
use ipc_ring::{Domain, WaitStrategy};

use crate::spsc_common::{check, payload};
use crate::sweep::{Case, Place, Survivor};

/// Some lines, so that a value can be torn.
type Value = [u8; 300];

fn builder(place: &Place) -> Builder<Value> {
    Builder::new("value").domain(&Domain::open(&place.domain).unwrap()).wait(WaitStrategy::Sleep)
}

/// Publications of the victim before its mark.
const BEFORE: u64 = 3;

pub fn cases() -> Vec<Case> {
    let case = |name: &str, is_long: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long,
        prepare: Box::new(|place| {
            Box::new(Reads { reader: builder(place).create_reader().unwrap(), place: place.clone() })
        }),
        live: Box::new(live),
    };
    let publish: fn(&Place, &dyn Fn()) = |place, mark| {
        let mut writer = builder(place).create_writer().unwrap();
        (0..BEFORE).for_each(|number| assert_eq!(writer.publish(payload(number)).unwrap(), number + 1));
        mark();
        writer.publish(payload(BEFORE)).unwrap();
        mark();
    };
    vec![
        case("publish a value", false, publish),
        case("become the writer", true, |place, mark| {
            mark();
            let writer = builder(place).create_writer().unwrap();
            mark();
            drop(writer);
        }),
        case("give the writing up", true, |place, mark| {
            let mut writer = builder(place).create_writer().unwrap();
            writer.publish(payload(0)).unwrap();
            mark();
            writer.detach();
            mark();
        }),
        case("become a reader", true, |place, mark| {
            mark();
            let reader = builder(place).create_reader().unwrap();
            mark();
            drop(reader);
        }),
    ]
}

struct Reads {
    reader: Reader<Value>,
    place: Place,
}

impl Survivor for Reads {
    fn judge(mut self: Box<Self>, _: bool) {
        let sequence = match self.reader.get().unwrap() {
            Some(newest) => {
                // The number of the value follows from its sequence; whole it must be.
                check(&newest.value, newest.sequence - 1);
                assert!(newest.sequence <= BEFORE + 1);
                newest.sequence
            }
            None => 0,
        };
        let mut writer = builder(&self.place).create_writer().unwrap();
        for next in sequence..sequence + 10 {
            assert_eq!(writer.publish(payload(next)).unwrap(), next + 1);
            let value = self.reader.wait().unwrap();
            assert_eq!(value.sequence, next + 1);
            check(&value.value, next);
        }
        writer.close();
        assert!(matches!(self.reader.wait(), Err(ReadError::Closed)));
    }
}
