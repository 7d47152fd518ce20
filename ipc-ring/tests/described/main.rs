//! What a channel records of the fields of its messages: written by its maker, compared by its ends, read by
//! others. For every kind that carries typed elements or frames.

#[path = "../common/mod.rs"]
mod common;
mod hostile;

use std::any::Any;
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::broadcast::frames;
use ipc_ring::control::{ChannelInfo, Named};
use ipc_ring::describe::{Describe, Description, Layout};
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, ElementType, Lifetime, Message, broadcast, bytes, call, latest,
    mpmc, spsc,
};

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
    #[describe(name = "md.Tick/2")]
    struct Tick { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
    #[describe(name = "md.Tick/2")]
    struct OtherType { time_ns: u64, price: f64, quantity: u32, symbol: u32 }
    #[describe(name = "md.Tick/2")]
    struct Renamed { time_ns: u64, bid: i64, quantity: u32, symbol: u32 }
    #[describe(name = "md.Tick/2")]
    struct Swapped { time_ns: u64, price: i64, symbol: u32, quantity: u32 }
    #[describe(name = "md.Tick/2")]
    struct Shorter { time_ns: u64, price: i64 }
    #[describe(name = "md.Quote/2")]
    struct Quote { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
    struct Plain { value: u64, rest: u64 }
}

const TICK: &str =
    "type md.Tick/2 size 24 align 8\n0 u64 time_ns\n8 i64 price\n16 u32 quantity\n20 u32 symbol\n";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Gives,
    Takes,
}
use Side::{Gives, Takes};

/// How an end is opened.
#[derive(Clone, Copy)]
struct How<'a> {
    domain: &'a Domain,
    described: bool,
    lifetime: Lifetime,
}

type End = Result<Box<dyn Any>, AttachError>;

/// Kinds with fields, then those of frames.
const FIELDS: [&str; 5] = ["spsc", "mpmc", "broadcast", "latest", "call"];
const FRAMES: [&str; 2] = ["bytes", "frames"];

fn all() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().chain(FRAMES)
}

fn boxed<T: 'static>(end: Result<T, AttachError>) -> End {
    end.map(|end| Box::new(end) as Box<dyn Any>)
}

/// Makes or finds the channel of this kind, whose messages are `T`.
fn end<T: Message + Describe + Sync>(kind: &str, side: Side, how: How<'_>) -> End {
    macro_rules! of {
        ($builder:expr, $describe:expr, $gives:ident, $takes:ident) => {{
            let builder = $builder.domain(how.domain).lifetime(how.lifetime);
            let builder = if how.described { $describe(builder) } else { builder };
            match side {
                Gives => boxed(builder.$gives()),
                Takes => boxed(builder.$takes()),
            }
        }};
    }
    let text = || Description::of::<T>().unwrap().text();
    match kind {
        "spsc" => {
            of!(spsc::Builder::<T>::new(kind), spsc::Builder::described, create_sender, create_receiver)
        }
        "mpmc" => {
            of!(mpmc::Builder::<T>::new(kind), mpmc::Builder::described, create_sender, create_receiver)
        }
        "broadcast" => {
            let builder = broadcast::Builder::<T>::new(kind);
            of!(builder, broadcast::Builder::described, create_sender, create_receiver)
        }
        "latest" => {
            of!(latest::Builder::<T>::new(kind), latest::Builder::described, create_sender, create_receiver)
        }
        "call" => {
            let builder = call::Builder::<T, Plain>::new(kind);
            of!(builder, call::Builder::described, create_sender, create_receiver)
        }
        "bytes" => {
            let describe = |builder: bytes::Builder| builder.description(&text());
            of!(bytes::Builder::new(kind), describe, create_sender, create_receiver)
        }
        "frames" => {
            let describe = |builder: frames::Builder| builder.description(&text());
            of!(frames::Builder::new(kind), describe, create_sender, create_receiver)
        }
        other => panic!("no such kind: {other}"),
    }
}

/// The entry of a channel in the domain's listing.
fn channel(domain: &Domain, name: &str) -> ChannelInfo {
    match domain.look_up(name).unwrap().expect("it is there").what {
        Named::Channel(channel) => channel,
        other => panic!("{name}: {other:?}"),
    }
}

/// The text of a channel of `Tick`, and of `Plain` as replies.
fn text_of(kind: &str) -> String {
    match kind {
        "call" => format!("{TICK}\n{}", Description::of::<Plain>().unwrap().text()),
        _ => TICK.to_owned(),
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", kind, domain] => {
            let domain = Domain::open(domain).unwrap();
            let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
            let _end = end::<Tick>(kind, Gives, how).unwrap();
            say("made");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Written by one process, read by another, by the listing and by ends of either sort.
#[test]
fn the_maker_s_description_is_there_for_all() {
    private_namespace();
    for kind in all() {
        let domain = Domain::open(&unique("described")).unwrap();
        let mut maker = Role::start("make", &[kind, domain.name()]);
        assert_eq!(maker.hear(), "made");
        let found = channel(&domain, kind);
        assert_eq!(found.description, Some(text_of(kind)), "{kind}");
        let descriptions = found.descriptions().unwrap();
        let expected = match kind {
            "call" => vec![Description::of::<Tick>().unwrap(), Description::of::<Plain>().unwrap()],
            "bytes" | "frames" => vec![],
            _ => vec![Description::of::<Tick>().unwrap()],
        };
        assert_eq!(descriptions, expected, "{kind}");
        let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
        end::<Tick>(kind, Takes, how).unwrap_or_else(|error| panic!("{kind}: {error}"));
        if FRAMES.contains(&kind) {
            end::<Tick>(kind, Takes, How { described: false, ..how }).unwrap();
        } else {
            let error = end::<Tick>(kind, Takes, How { described: false, ..how }).unwrap_err();
            assert!(
                matches!(error.kind(), AttachErrorKind::ElementType { .. }),
                "another name: {kind}: {error}"
            );
        }
        maker.tell("go");
        maker.finish();
        drop(domain);
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{kind}");
    }
}

#[test]
fn the_first_field_that_differs_is_named() {
    private_namespace();
    type Open = fn(&str, Side, How<'_>) -> End;
    let others: [(Open, &str, &str); 5] = [
        (
            end::<OtherType>,
            "field `price` is i64, expected f64",
            "line 3 is \"8 i64 price\", and this end expects \"8 f64 price\"",
        ),
        (end::<Renamed>, "the field at byte 8 is named `price`, expected `bid`", "expects \"8 i64 bid\""),
        (
            end::<Swapped>,
            "field `symbol` begins at byte 20, expected byte 16",
            "line 4 is \"16 u32 quantity\"",
        ),
        (
            end::<Shorter>,
            "field `quantity` (u32) was not expected",
            "expects \"type md.Tick/2 size 16 align 8\"",
        ),
        (
            end::<Quote>,
            "the element is a `md.Tick/2`, expected a `md.Quote/2`",
            "line 1 is \"type md.Tick/2 size 24 align 8\"",
        ),
    ];
    for kind in all() {
        let domain = Domain::open(&unique("differ")).unwrap();
        let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
        let _maker = end::<Tick>(kind, Gives, how).unwrap();
        for (open, fields, frames) in others {
            let error = open(kind, Takes, how).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("channel {kind:?} in domain")), "{text}");
            if FRAMES.contains(&kind) {
                assert!(matches!(error.kind(), AttachErrorKind::Description { .. }), "{kind}: {error:?}");
                assert!(text.contains(frames), "{kind}: {text}");
            } else {
                assert!(matches!(error.kind(), AttachErrorKind::Fields { .. }), "{kind}: {error:?}");
                assert!(text.contains(fields), "{kind}: {text}");
            }
        }
        end::<Tick>(kind, Takes, how).unwrap();
    }
}

/// A message whose two fields have different types of one name.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[repr(C)]
struct Twice([u64; 2]);

impl Describe for Twice {
    fn layout() -> Layout {
        let part = |of: Layout| Layout::Struct {
            name: "Part".to_owned(),
            size: 8,
            align: 8,
            fields: vec![(0, of, "value".to_owned())],
        };
        Layout::Struct {
            name: "Twice".to_owned(),
            size: 16,
            align: 8,
            fields: vec![
                (0, part(u64::layout()), "one".to_owned()),
                (8, part(i64::layout()), "two".to_owned()),
            ],
        }
    }
}

#[test]
fn what_cannot_be_described_makes_no_channel() {
    private_namespace();
    let domain = Domain::open(&unique("undescribable")).unwrap();
    let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
    for (kind, side) in FIELDS.into_iter().flat_map(|kind| [(kind, Gives), (kind, Takes)]) {
        let error = end::<Twice>(kind, side, how).unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::Undescribable { .. }), "{kind}: {error}");
        assert!(error.to_string().contains("Part"), "{kind}: {error}");
    }
    let long = "x".repeat(32 * 1024 + 2);
    let builder = bytes::Builder::new("bytes").domain(&domain);
    let error = builder.clone().description(&long).create_sender().unwrap_err();
    assert!(matches!(error.kind(), AttachErrorKind::Undescribable { .. }), "{error}");
    assert!(domain.list().unwrap().names.is_empty());
    let _producer = builder.description(&long[1..]).create_sender().unwrap();
    assert_eq!(channel(&domain, "bytes").description.as_deref(), Some(&long[1..]));
}

/// A receiving end that specifies nothing leaves the description to a sending one; one that specifies it does
/// not.
#[test]
fn a_taker_leaves_the_description_to_a_giver() {
    private_namespace();
    for kind in all() {
        let domain = Domain::open(&unique("left-open")).unwrap();
        let silent = How { domain: &domain, described: false, lifetime: Lifetime::Ephemeral };
        let how = How { described: true, ..silent };
        // `Plain` has the same name either way.
        let taker = end::<Plain>(kind, Takes, silent).unwrap();
        assert_eq!(channel(&domain, kind).description, None, "{kind}");
        let giver = end::<Plain>(kind, Gives, how).unwrap();
        assert!(channel(&domain, kind).description.is_some(), "{kind}");
        drop((taker, giver));

        let domain = Domain::open(&unique("said")).unwrap();
        let (silent, how) = (How { domain: &domain, ..silent }, How { domain: &domain, ..how });
        let taker = end::<Plain>(kind, Takes, how).unwrap();
        let generation = domain.look_up(kind).unwrap().unwrap().generation;
        let giver = end::<Plain>(kind, Gives, silent).unwrap();
        assert_eq!(domain.look_up(kind).unwrap().unwrap().generation, generation, "{kind}: the same ring");
        assert!(channel(&domain, kind).description.is_some(), "{kind}");
        drop((taker, giver));
    }
    // An end that adopts another channel continues in that one.
    let domain = Domain::open(&unique("follows")).unwrap();
    let mut taker = spsc::Builder::<Plain>::new("spsc").domain(&domain).create_receiver().unwrap();
    let mut giver = spsc::Builder::<Plain>::new("spsc").domain(&domain).described().create_sender().unwrap();
    let message = Plain { value: 1, rest: 2 };
    giver.push(message).unwrap();
    assert_eq!(taker.pop_timeout(Duration::from_secs(1000)).unwrap(), message);
}

#[test]
fn a_persistent_channel_keeps_its_description() {
    private_namespace();
    let domain = Domain::open(&unique("kept")).unwrap();
    let how = How { domain: &domain, described: true, lifetime: Lifetime::Persistent };
    for kind in all() {
        drop(end::<Tick>(kind, Gives, how).unwrap());
        let error = end::<OtherType>(kind, Takes, how).unwrap_err();
        let is_told =
            matches!(error.kind(), AttachErrorKind::Fields { .. } | AttachErrorKind::Description { .. });
        assert!(is_told, "{kind}: {error}");
        let _taker = end::<Tick>(kind, Takes, how).unwrap();
        assert_eq!(channel(&domain, kind).description, Some(text_of(kind)), "{kind}");
        assert!(domain.remove_channel(kind).unwrap(), "{kind}");
    }
    drop(domain);
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

/// A watcher takes no seat, but compares nevertheless.
#[test]
fn watchers_and_observers_compare_too() {
    private_namespace();
    let domain = Domain::open(&unique("watch")).unwrap();
    let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
    let _ends = ["broadcast", "latest", "frames"]
        .map(|kind| (end::<Tick>(kind, Gives, how).unwrap(), end::<Tick>(kind, Takes, how).unwrap()));
    let watch = |error: AttachError| error.to_string();
    let tick = broadcast::Builder::<Tick>::new("broadcast").domain(&domain).described();
    tick.open_observer().unwrap();
    let other = broadcast::Builder::<OtherType>::new("broadcast").domain(&domain).described();
    assert!(watch(other.open_observer().unwrap_err()).contains("field `price` is i64"));
    latest::Builder::<Tick>::new("latest").domain(&domain).described().open_observer().unwrap();
    let other = latest::Builder::<OtherType>::new("latest").domain(&domain).described();
    assert!(watch(other.open_observer().unwrap_err()).contains("field `price` is i64"));
    let frames = frames::Builder::new("frames").domain(&domain);
    frames.clone().description(TICK).open_observer().unwrap();
    assert!(watch(frames.description("x").open_observer().unwrap_err()).contains("line 1"));
}

/// The vectors that other languages test against hold for headers, too.
#[test]
fn fingerprints_are_those_of_the_published_vectors() {
    let vectors = include_str!("../../../ipc-describe/vectors/descriptions.txt");
    let mut count = 0;
    for vector in vectors.split("\n\n").filter(|part| !part.starts_with('#')) {
        let (head, text) = vector.split_once('\n').unwrap();
        let description: Description = format!("{}\n", text.trim_end()).parse().unwrap();
        let element = description.element();
        let (size, align) = (element.size() as usize, element.align() as usize);
        let element = ElementType::new(size, align, element.name()).unwrap();
        assert_eq!(head.split(' ').nth(1), Some(&*element.fingerprint().to_string()), "{text}");
        count += 1;
    }
    assert_eq!(count, 10);
}
