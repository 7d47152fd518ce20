//! Readers that were built when the type had fewer fields.

use ipc_ring::describe::{Describe, Description};
use ipc_ring::raw::{Builder, PrefixReceiver};
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{AttachError, AttachErrorKind, Domain};

use super::common::{private_namespace, unique};
use super::kinds::KINDS;
use super::{builder, element};

/// Declares message types.
macro_rules! messages {
    ($($(#[$name:meta])? struct $type:ident { $($field:ident: $of:ty),+ })+) => {
        $(
            #[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable, Describe)]
            #[zerocopy(crate = "ipc_ring::zerocopy")]
            #[describe(crate = "ipc_ring::describe")]
            $(#[$name])?
            #[repr(C)]
            struct $type { $($field: $of),+ }
        )+
    };
}

messages! {
    #[describe(name = "md.Tick/1")]
    struct Old { time_ns: u64, price: i64 }
    #[describe(name = "md.Tick/2")]
    struct New { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
    #[describe(name = "md.Tick/1")]
    struct Widened { time_ns: u64, price: [i64; 2] }
    #[describe(name = "md.Tick/1")]
    struct Renamed { time_ns: u64, bid: i64 }
    #[describe(name = "md.Tick/1")]
    struct Reordered { price: i64, time_ns: u64 }
    #[describe(name = "md.Quote/1")]
    struct Quote { time_ns: u64, price: i64 }
    #[describe(name = "md.Tick/3")]
    struct Newer { time_ns: u64, price: i64, quantity: u32, symbol: u32, venue: u64 }
}

fn open<T: ipc_ring::Message + Describe>(domain: &Domain) -> Result<PrefixReceiver<T>, AttachError> {
    Builder::new("channel").domain(domain).open_prefix()
}

#[test]
fn a_reader_of_the_shorter_type_reads_the_longer_one() {
    private_namespace();
    for kind in &KINDS {
        let domain = Domain::open(&unique("prefix")).unwrap();
        let description = Description::of::<New>().unwrap();
        let mut sender = builder(&domain, kind).description(&description).create_sender().unwrap();
        let mut old = open::<Old>(&domain).unwrap();
        assert_eq!(old.raw().element().description(), Some(&description));
        // More than a lap.
        for number in 0..10 {
            let sent = New { time_ns: number, price: -1, quantity: u32::MAX, symbol: u32::MAX };
            sender.send(sent.as_bytes()).unwrap();
            assert_eq!(old.receive().unwrap(), Old { time_ns: number, price: -1 }, "{}", kind.name);
        }
        assert!(old.try_receive().is_err());
        drop(old);
        // The whole is a prefix, too.
        let mut same = open::<New>(&domain).unwrap();
        while same.try_receive().is_ok() {} // What a latecomer finds.
        let sent = New { time_ns: 1, price: 2, quantity: 3, symbol: 4 };
        sender.send(sent.as_bytes()).unwrap();
        assert_eq!(same.receive().unwrap(), sent);
    }
}

#[test]
fn what_is_no_beginning_is_refused_by_the_field() {
    private_namespace();
    for kind in &KINDS {
        let domain = Domain::open(&unique("no-prefix")).unwrap();
        let description = Description::of::<New>().unwrap();
        let _sender = builder(&domain, kind).description(&description).create_sender().unwrap();
        for (error, says) in [
            (open::<Widened>(&domain).unwrap_err(), "field `price` is i64, expected i64[2]"),
            (open::<Renamed>(&domain).unwrap_err(), "the field at byte 8 is named `price`, expected `bid`"),
            (open::<Reordered>(&domain).unwrap_err(), "field `price` begins at byte 8, expected byte 0"),
            (open::<Quote>(&domain).unwrap_err(), "the element is a `md.Tick/2`, expected a `md.Quote/1`"),
            (open::<Newer>(&domain).unwrap_err(), "field `venue` is missing, expected u64"),
        ] {
            assert!(matches!(error.kind(), AttachErrorKind::Fields { .. }), "{}: {error}", kind.name);
            assert!(error.to_string().contains(says), "{}: {error}", kind.name);
        }
        // Without a description nothing is known about its first fields.
        let domain = Domain::open(&unique("not-described")).unwrap();
        let known = builder(&domain, kind).element(&element::<New>("md.Tick/2"));
        let _sender = known.create_sender().unwrap();
        let error = open::<Old>(&domain).unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::NotDescribed), "{}: {error}", kind.name);
        assert!(error.to_string().contains("`md.Tick/1`"), "{error}");
    }
}
