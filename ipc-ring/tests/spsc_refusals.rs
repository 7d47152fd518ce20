//! What a channel refuses, with the reason: names, types, sizes, other users' domains, headers and words that
//! were corrupted.

mod common;

use common::{Role, kernel_objects, listen, private_namespace, role, say, the_ring, unique};
use ipc_ring::spsc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{AttachError, AttachErrorKind, Domain};

fn builder(domain: &str) -> Builder<u64> {
    Builder::new("channel").domain(&Domain::open(domain).unwrap())
}

/// The children's roles. Without a role it checks that an unknown one fails.
#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["open-shared-as", domain, owner, uid] => {
            nix::unistd::setuid(nix::unistd::Uid::from_raw(uid.parse().unwrap())).unwrap();
            let owner = owner.parse().unwrap();
            let trust = ipc_core::Trust::same_user().allow_uid(owner);
            let result = Domain::open_shared(domain, owner, ipc_core::Mode::PRIVATE, trust);
            say(&result.as_ref().err().map_or("opened".to_owned(), |error| error.to_string()));
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    private_namespace();
    let domain = Domain::open(&unique("refusals")).unwrap();
    let channel = Builder::<u64>::new("numbers").domain(&domain);
    match channel.open_receiver() {
        Err(error) if matches!(error.kind(), AttachErrorKind::NotFound) => {
            assert_eq!((error.channel(), error.domain()), (Some("numbers"), Some(domain.name())));
        }
        other => panic!("{other:?}"),
    }
    let mut producer = channel.clone().capacity(16).create_sender().unwrap();
    producer.push(5).unwrap();
    assert!(matches!(
        channel.create_new_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::AlreadyExists)
    ));
    let of_u32 = Builder::<u32>::new("numbers").domain(&domain).open_receiver();
    assert!(matches!(
        of_u32.as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { found: (8, 8), expected: (4, 4) })
    ));
    let of_i64 = Builder::<i64>::new("numbers").domain(&domain).open_receiver();
    assert!(matches!(of_i64.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::ElementType { .. })));
    let named = channel.clone().type_name("price/2").open_receiver();
    assert!(matches!(named.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::ElementType { .. })));
    let larger = channel.clone().capacity(32).open_receiver();
    assert!(matches!(
        larger.as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Capacity { found: 16, expected: 32 })
    ));
    for name in ["", "a\0b", &"x".repeat(121)] {
        assert!(matches!(
            Producer::<u64>::create(name).as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::InvalidName { .. })
        ));
    }
    assert!(matches!(
        Builder::<u64>::new("none")
            .domain(&domain)
            .capacity(1 << 40)
            .create_sender()
            .as_ref()
            .map_err(AttachError::kind),
        Err(AttachErrorKind::TooLarge { .. })
    ));
    // Nothing was changed by any of it.
    assert_eq!(channel.open_receiver().unwrap().pop().unwrap(), 5);
    assert!(matches!(
        Consumer::<u64>::open("numbers").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
}

#[test]
fn a_corrupt_header_is_refused_and_left_alone() {
    private_namespace();
    if kernel_objects().0.iter().any(|segment| segment.starts_with("0 ")) {
        return common::skip(common::Need::IpcNamespace, "other programs' segments are here");
    }
    let domain = unique("corrupt-header");
    let _producer = builder(&domain).capacity(16).create_sender().unwrap();
    let segment = the_ring();
    let mut before = vec![0; 256];
    segment.copy_from(0, &mut before).unwrap();
    for offset in (0..256).step_by(4) {
        let word = segment.atomic_u32(offset).unwrap();
        let right =
            word.swap(!word.load(std::sync::atomic::Ordering::SeqCst), std::sync::atomic::Ordering::SeqCst);
        match builder(&domain).open_receiver() {
            // Flags, times and names are for display or have two valid values each.
            Ok(consumer) => {
                assert!(matches!(offset, 0x14 | 0x60..0x80 | 0x80..), "offset {offset:#x}: {consumer:?}")
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        word.store(right, std::sync::atomic::Ordering::SeqCst);
    }
    let mut after = vec![0; 256];
    segment.copy_from(0, &mut after).unwrap();
    assert_eq!(before, after);
    builder(&domain).open_receiver().unwrap();
}

#[test]
fn corrupt_words_poison_and_do_not_panic() {
    private_namespace();
    if kernel_objects().0.iter().any(|segment| segment.starts_with("0 ")) {
        return common::skip(common::Need::IpcNamespace, "other programs' segments are here");
    }
    // Offset of a word, and the end that detects it first.
    for (offset, consumer_first) in [(0x488, true), (0x300, false)] {
        let domain = unique("corrupt-words");
        let mut producer = builder(&domain).capacity(16).create_sender().unwrap();
        let mut consumer = builder(&domain).open_receiver().unwrap();
        for value in 0..16 {
            producer.push(value).unwrap();
        }
        let segment = the_ring();
        segment.atomic_u64(offset).unwrap().store(1 << 40, std::sync::atomic::Ordering::SeqCst);
        if consumer_first {
            assert!(matches!(consumer.pop(), Err(PopError::Corrupt(_))));
            assert!(matches!(producer.push(2), Err(PushError::Corrupt(2, _))));
        } else {
            assert!(matches!(producer.push(2), Err(PushError::Corrupt(2, _))));
            assert_eq!((&mut consumer).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
            assert!(matches!(consumer.last_error(), Some(PopError::Corrupt(_))));
        }
        drop(consumer);
        assert!(matches!(
            builder(&domain).open_receiver().as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::Corrupt(_))
        ));
    }
}

#[test]
fn another_users_domain_is_refused() {
    private_namespace();
    if !nix::unistd::geteuid().is_root() {
        return common::skip(common::Need::Root, "this test has to change users");
    }
    let name = unique("foreign");
    let domain = Domain::open(&name).unwrap();
    let mut child = Role::start("open-shared-as", &[&name, "0", "12345"]);
    let answer = child.hear();
    assert!(answer.contains("EACCES"), "{answer}");
    child.tell("go");
    child.finish();
    drop(domain);

    // The other way round: the kernel lets root open anything; the trust policy must not.
    let mut child = Role::start("open-shared-as", &[&name, "12345", "12345"]);
    assert_eq!(child.hear(), "opened");
    let refused = Domain::open_shared(&name, 12345, ipc_core::Mode::PRIVATE, ipc_core::Trust::same_user());
    match refused.map_err(AttachError::into_kind) {
        Err(AttachErrorKind::System(error)) => {
            assert_eq!(error.kind(), ipc_core::ErrorKind::Untrusted, "{error}")
        }
        other => panic!("{other:?}"),
    }
    child.tell("go");
    child.finish();
}
