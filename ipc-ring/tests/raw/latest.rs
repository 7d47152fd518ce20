//! A table of latest values is no queue: what has changed is received, for any key.

use ipc_ring::latest::{PublishError, ReadError};
use ipc_ring::layout::Kind as Of;
use ipc_ring::raw::{Builder, RawReceiver, ReceiveError, SendError};
use ipc_ring::{Domain, Message, PeerExit, PopError};

use super::common::{Role, kernel_objects, private_namespace, unique};
use super::kinds::{KINDS, Kind, Typed};
use super::{CAPACITY, LONG, Line, Words, builder, content, element};

fn kind() -> &'static Kind {
    KINDS.iter().find(|kind| kind.kind == Of::Latest).unwrap()
}

fn try_receive(receiver: &mut RawReceiver) -> Option<(u32, Vec<u8>)> {
    let mut place = vec![0; receiver.element().size()];
    match receiver.try_receive(&mut place) {
        Ok(received) => Some((received.key.unwrap(), place)),
        Err(ReceiveError::Pop(PopError::Empty)) => None,
        Err(other) => panic!("{other}"),
    }
}

/// Raw to typed, typed to raw and raw to raw; each publication is read, or the newest of some.
fn meet<T: Message + Sync>(typed: &Typed, name: &str) {
    let size = size_of::<T>();
    let domain = Domain::open(&unique("meet-latest")).unwrap();
    let known = builder(&domain, kind()).element(&element::<T>(name));
    let learning = Builder::new("channel").domain(&domain);

    let mut sender = known.create_sender().unwrap();
    let mut reader = (typed.taker)(&domain);
    let mut receiver = learning.open_receiver().unwrap();
    assert_eq!((receiver.kind(), receiver.capacity(), sender.capacity()), (Of::Latest, CAPACITY, CAPACITY));
    assert_eq!((reader.take(), try_receive(&mut receiver)), (None, None));
    for number in 0..10 {
        sender.send(&content(2 * number, size)).unwrap();
        sender.send(&content(2 * number + 1, size)).unwrap();
        assert_eq!(reader.take(), Some(content(2 * number + 1, size)), "{name}");
        assert_eq!(try_receive(&mut receiver), Some((0, content(2 * number + 1, size))), "{name}");
        assert_eq!((reader.take(), try_receive(&mut receiver)), (None, None));
    }
    drop((sender, reader, receiver));

    let mut writer = (typed.giver)(&domain);
    let mut receiver = learning.open_receiver().unwrap();
    for number in 0..10 {
        assert!(writer.give(&content(number, size)));
        assert_eq!(try_receive(&mut receiver), Some((0, content(number, size))), "{name}");
    }
    drop((writer, receiver, known, learning, domain));
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{name}");
}

#[test]
fn raw_and_typed_ends_of_a_table_meet() {
    private_namespace();
    let typed = &kind().typed;
    meet::<u8>(&(typed.u8)(), "u8");
    meet::<[u8; 7]>(&(typed.seven)(), "[u8;7]");
    meet::<u64>(&(typed.u64)(), "u64");
    meet::<Words<3>>(&(typed.words)(), "Words<3>");
    meet::<[u8; 56]>(&(typed.fifty_six)(), "[u8;56]");
    meet::<Line>(&(typed.line)(), "Line");
    meet::<[u8; 4096]>(&(typed.page)(), "[u8;4096]");
    meet::<[u8; 65536]>(&(typed.largest)(), "[u8;65536]");
}

#[test]
fn each_key_is_told_with_its_sequence_and_time() {
    private_namespace();
    let domain = Domain::open(&unique("keys")).unwrap();
    let known = builder(&domain, kind()).element(&element::<u64>("u64"));
    let (mut sender, mut receiver) = (known.create_sender().unwrap(), known.open_receiver().unwrap());
    let before = ipc_ring::latest::now_ns();
    for key in [3, 1, 3, 0] {
        sender.send_to(key, &content(key.into(), 8)).unwrap();
    }
    let mut found = Vec::new();
    let mut place = [0; 8];
    while let Ok(received) = receiver.try_receive(&mut place) {
        let key = received.key.unwrap();
        assert_eq!(place[..], content(key.into(), 8)[..]);
        assert!(received.time_ns.is_some_and(|time| time >= before));
        found.push((key, received.sequence.unwrap()));
    }
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 1), (3, 2)]);
    let told = sender.send_to(4, &place).unwrap_err();
    assert!(matches!(told, SendError::Publish(PublishError::NoSuchKey { key: 4, keys: 4 })), "{told}");
}

#[test]
fn a_writers_death_and_end_are_told() {
    private_namespace();
    let domain = Domain::open(&unique("latest-death")).unwrap();
    let known = builder(&domain, kind()).element(&element::<u64>("u64"));
    let mut receiver = known.create_receiver().unwrap();
    let mut sender = Role::start("send", &["latest", domain.name()]);
    assert_eq!(sender.hear(), "sent");
    sender.kill();
    let mut place = [0; 8];
    receiver.receive_timeout(&mut place, LONG).unwrap();
    assert_eq!(place[..], content(2, 8)[..]);
    let told = receiver.receive_timeout(&mut place, LONG).unwrap_err();
    assert!(matches!(told, ReceiveError::Read(ReadError::PeerGone(PeerExit::Died { .. }))), "{told}");
    let mut successor = known.open_sender().unwrap();
    successor.send(&content(7, 8)).unwrap();
    assert_eq!(receiver.receive(&mut place).unwrap().sequence, Some(4));
    successor.close();
    let told = [receiver.receive(&mut place), receiver.try_receive(&mut place)].map(Result::unwrap_err);
    for told in told {
        assert!(matches!(told, ReceiveError::Read(ReadError::Closed)), "{told}");
    }
}
