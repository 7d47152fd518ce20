use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::control::reason::Reason;
use crate::frame::{Frame, FrameKind};

const GENERATION: u64 = 77;
const SESSION: u64 = 0x5e55_1011;
const SECRET: [u64; 2] = [0xdead, 0xbeef];

fn hello(features: u64, needed: u64) -> Hello {
    Hello {
        nonce: [1, 2],
        owner: 3,
        features,
        needed,
        up_generation: 4,
        down_generation: 5,
        down_segment: 6,
        wake: 7,
    }
}

fn client() -> Client {
    Client::new(GENERATION, hello(0b11, 0), 8, 9)
}

fn server(greeting: &Frame) -> Server {
    let hello = greeting.record().unwrap();
    Server::new(greeting, hello, SESSION, SECRET, (0b10, 0)).unwrap()
}

#[test]
fn five_frames_make_a_connection() {
    let mut client = client();
    let greeting = client.hello();
    assert_eq!((greeting.queue, greeting.segment), (8, 9));
    let mut server = server(&greeting);
    let ClientStep::Prove(proof) = client.on(&server.challenge()) else { panic!() };
    assert_eq!(server.on(&proof), ServerStep::Admit);
    let ClientStep::Ready(ready) = client.on(&server.welcome()) else { panic!() };
    assert_eq!(server.on(&ready), ServerStep::Establish);
    assert_eq!((client.features(), server.features(), client.session()), (0b10, 0b10, SESSION));
    let bye = server.bye(Reason::TooSlow);
    assert_eq!(client.close_reason(&bye), Some(Reason::TooSlow));
}

#[test]
fn three_frames_do_when_the_sender_is_known() {
    let mut client = client();
    let greeting = client.hello();
    let mut server = server(&greeting);
    server.believe();
    let welcome = server.welcome();
    for wrong in [
        Frame { generation: 1, ..welcome.clone() },
        Frame { session: 0, ..welcome.clone() },
        Frame { ack: 0, ..welcome.clone() },
        Frame { body: welcome.body[..16].to_vec(), ..welcome.clone() },
    ] {
        assert_eq!(client.on(&wrong), ClientStep::Ignore, "{wrong:?}");
    }
    let ClientStep::Ready(ready) = client.on(&welcome) else { panic!() };
    let without = Frame { body: [0_u64; 2].as_bytes().to_vec(), ..ready.clone() };
    assert_eq!(server.on(&without), ServerStep::Ignore, "not the secret");
    assert_eq!(server.on(&ready), ServerStep::Establish);
    assert_eq!((client.features(), server.features(), client.session()), (0b10, 0b10, SESSION));
    assert_eq!(client.on(&welcome), ClientStep::Ignore, "twice");
    assert_eq!(client.close_reason(&server.bye(Reason::TooSlow)), Some(Reason::TooSlow));
}

#[test]
fn a_client_hears_only_answers_to_its_own_greeting() {
    let mut mine = client();
    let greeting = mine.hello();
    let mut other = Client::new(GENERATION, Hello { nonce: [9, 9], ..hello(0, 0) }, 8, 9);
    let challenge = server(&other.hello()).challenge();
    assert_eq!(mine.on(&challenge), ClientStep::Ignore, "another nonce");
    let mut server = server(&greeting);
    let challenge = server.challenge();
    for wrong in [
        Frame { generation: 1, ..challenge.clone() },
        Frame { ack: 9, ..challenge.clone() },
        Frame { session: 0, ..challenge.clone() },
        Frame { body: Vec::new(), ..challenge.clone() },
        Frame { kind: FrameKind::Welcome, body: challenge.body[..16].to_vec(), ..challenge.clone() },
    ] {
        assert_eq!(mine.on(&wrong), ClientStep::Ignore, "{wrong:?}");
    }
    assert!(matches!(mine.on(&challenge), ClientStep::Prove(_)));
    assert_eq!(mine.on(&challenge), ClientStep::Ignore, "twice");
}

#[test]
fn a_refusal_reaches_the_client_with_its_reason() {
    let mut refused = client();
    let greeting = refused.hello();
    let no = Server::turn_away(&greeting, [1, 2], Reason::Full { limit: 3 });
    assert_eq!(refused.on(&no), ClientStep::Refused(Reason::Full { limit: 3 }));
    let mut late = client();
    let mut server = server(&late.hello());
    let ClientStep::Prove(proof) = late.on(&server.challenge()) else { panic!() };
    assert_eq!(server.on(&proof), ServerStep::Admit);
    assert_eq!(late.on(&server.reject(Reason::BadRing)), ClientStep::Refused(Reason::BadRing));
    let frame = client().hello();
    let missing = Server::new(&frame, hello(0b01, 0), 1, SECRET, (0b11, 0b10)).unwrap_err();
    assert_eq!(missing, Reason::MissingFeatures { bits: 0b10 });
    let missing = Server::new(&frame, hello(0b101, 0b100), 1, SECRET, (0b11, 0)).unwrap_err();
    assert_eq!(missing, Reason::MissingFeatures { bits: 0b100 });
}

/// A frame from a process that may write to the queues but cannot read the client's, so does not know the
/// secret.
fn forged() -> impl Strategy<Value = Frame> {
    let numbers = prop_oneof![Just(0_u64), Just(1), Just(2), Just(3), any::<u64>()];
    let session = prop_oneof![Just(SESSION), Just(0), any::<u64>()];
    let generation = prop_oneof![Just(GENERATION), any::<u64>()];
    let body = prop_oneof![
        Just([1_u64, 2].as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..80),
        Just(hello(1, 0).as_bytes().to_vec()),
    ];
    (0..FrameKind::ALL.len(), session, numbers.clone(), numbers, generation, body).prop_map(
        |(kind, session, sequence, ack, generation, body)| Frame {
            session,
            sequence,
            ack,
            generation,
            ..Frame::new(FrameKind::ALL[kind], &body)
        },
    )
}

proptest! {
    /// Whatever a stranger sends, and whenever: the server admits no wrong client, and still admits the right
    /// one.
    #[test]
    fn no_client_gets_in_without_the_secret(
        before in prop::collection::vec(forged(), 0..12),
        between in prop::collection::vec(forged(), 0..12),
    ) {
        let mut client = client();
        let mut server = server(&client.hello());
        let challenge = server.challenge();
        for frame in &before {
            prop_assert_eq!(server.on(frame), ServerStep::Ignore);
        }
        let ClientStep::Prove(proof) = client.on(&challenge) else { panic!() };
        prop_assert_eq!(server.on(&proof), ServerStep::Admit);
        let welcome = server.welcome();
        for frame in between.iter().chain([&proof]) {
            prop_assert_eq!(server.on(frame), ServerStep::Ignore);
        }
        let ClientStep::Ready(ready) = client.on(&welcome) else { panic!() };
        prop_assert_eq!(server.on(&ready), ServerStep::Establish);
        prop_assert_eq!(server.on(&ready), ServerStep::Ignore);
    }

    /// Any bytes decode or are refused; a decoded value equals what its encoding decodes to.
    #[test]
    fn any_bytes_are_a_frame_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..200), frame in forged(), at in 0..64_usize) {
        let _ = Frame::decode(&bytes);
        let mut whole = frame.encode();
        prop_assert_eq!(Frame::decode(&whole), Ok(frame));
        whole[at] ^= 1;
        prop_assert!(Frame::decode(&whole).is_err());
        bytes.splice(0..0, whole);
        let _ = Frame::decode(&bytes);
    }
}
