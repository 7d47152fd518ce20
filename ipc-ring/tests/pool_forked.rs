//! What a child made by `fork` has of a pool: no memory, and an error from every call.

mod common;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use common::forks::in_a_child;
use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::broadcast::payloads;
use ipc_ring::pool::{self, AccessError};
use ipc_ring::{AttachErrorKind, Domain, Forked, PushError};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["a payload", inherited] => payload_in_hand(inherited == "inherited"),
        ["a fork while sending"] => fork_while_sending(),
        ["with a helper", domain, how] => leave_a_helper(domain, how == "inherited"),
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Whether something is mapped there.
fn is_mapped(address: *const u8) -> bool {
    let mut page = 0u8;
    let page_size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap() as usize;
    let start = address.addr() / page_size * page_size;
    // SAFETY: asks about one page, and writes one byte.
    unsafe { nix::libc::mincore(std::ptr::without_provenance_mut(start), page_size, &raw mut page) == 0 }
}

/// A loan, a view, the pool, and both ends of a channel of payloads, and everything that a child can call of
/// them.
fn payload_in_hand(inherited: bool) {
    private_namespace();
    let domain = Domain::open(&unique("payload")).unwrap();
    let builder = pool::Builder::new("pool").domain(&domain).class(64, 8);
    let builder = if inherited { builder.inherited(true) } else { builder };
    let pool = builder.create().unwrap();
    let channel = payloads::Builder::new("payloads", &pool).gated();
    let (mut publisher, subscriber) = (channel.create_sender().unwrap(), channel.open_receiver().unwrap());
    let mut loan = pool.loan(16).unwrap();
    loan.fill(7).unwrap();
    let spare = pool.loan(16).unwrap();
    let mut published = publisher.loan(16).unwrap();
    published.write(0, &9u64).unwrap();
    publisher.push(published).unwrap();
    let (view, handle) = pool.loan(16).unwrap().share();
    assert!(is_mapped(loan.as_ptr()) && is_mapped(view.as_ptr()));
    let before = pool.stats();
    let mut held = Some((loan, spare, view, pool, publisher, subscriber));
    in_a_child(|| {
        let (mut loan, spare, view, pool, mut publisher, mut subscriber) = held.take().unwrap();
        assert_eq!((is_mapped(loan.as_ptr()), is_mapped(view.as_ptr())), (inherited, inherited));
        let mut out = [1; 4];
        let forked = Err(AccessError::Forked);
        assert_eq!(loan.read_at(0, &mut out), forked);
        assert_eq!(loan.read::<u64>(0), forked.map(|()| 0));
        assert_eq!(loan.write_at(0, &out), forked);
        assert_eq!(loan.write(8, &1u64), forked);
        assert_eq!(loan.fill(1), forked);
        assert_eq!(loan.to_vec(), Err(Forked));
        assert!(loan.reader().read(&mut out).unwrap_err().to_string().contains("fork"));
        assert!(loan.writer().write(&out).unwrap_err().to_string().contains("fork"));
        // SAFETY: there is no slice, and nothing reads or writes.
        assert!(unsafe { loan.as_slice() }.is_err());
        // SAFETY: as above.
        assert!(unsafe { loan.as_mut_slice() }.is_err());
        // SAFETY: as above.
        assert!(unsafe { view.as_slice() }.is_err());
        assert_eq!(view.read_at(0, &mut out), forked);
        assert_eq!(view.read::<u64>(0), forked.map(|()| 0));
        assert_eq!(view.to_vec(), Err(Forked));
        assert!(view.reader().read(&mut out).unwrap_err().to_string().contains("fork"));
        assert_eq!(out, [1; 4]);
        loan.set_len(64);
        assert_eq!((loan.len(), loan.capacity(), view.len(), view.is_shared()), (64, 64, 16, true));
        assert!(!format!("{loan:?} {view:?} {pool:?} {publisher:?} {subscriber:?}").is_empty());
        assert_eq!((pool.classes(), pool.largest()), (vec![(64, 8)], 64));
        assert!(pool.stats().classes.is_empty() && pool.recover().is_err());
        assert!(matches!(pool.loan(1), Err(pool::LoanError::Forked)));
        assert!(matches!(pool.try_loan(1), Err(pool::LoanError::Forked)));
        assert!(matches!(publisher.loan(1), Err(pool::LoanError::Forked)));
        assert!(matches!(pool.accept(&handle), Err(pool::Refused::Forked)));
        assert!(matches!(
            subscriber.try_pop(),
            Err(pool::ReceiveError::Channel(ipc_ring::broadcast::PopError::Forked))
        ));
        // A channel of its own, for the pool that it has not.
        let own = Domain::open(&unique("own")).unwrap();
        let channel = payloads::Builder::new("payloads", &pool).domain(&own);
        for error in [channel.create_sender().unwrap_err(), channel.create_receiver().unwrap_err()] {
            assert!(matches!(error.kind(), AttachErrorKind::Forked));
            assert_eq!((error.channel(), error.domain()), (Some("payloads"), Some(own.name())));
        }
        let refused = publisher.try_push(loan).unwrap_err();
        assert!(matches!(refused.error, PushError::Forked(())));
        let view = view.into_loan().unwrap_err();
        let (other, _) = spare.share();
        drop((refused, view, other));
        drop((publisher, subscriber, channel, pool));
    });
    let (loan, _spare, view, pool, _publisher, mut subscriber) = held.take().unwrap();
    assert_eq!(pool.stats(), before);
    assert_eq!(subscriber.try_pop().unwrap().read(0), Ok(9u64));
    assert_eq!((loan.to_vec().unwrap(), view.len()), (vec![7; 16], 16));
}

#[test]
fn a_payload_that_was_in_hand_at_the_fork_is_refused_and_not_touched() {
    for inherited in ["as usual", "inherited"] {
        Role::start("a payload", &[inherited]).finish();
    }
}

/// The push makes the child, and returns in both processes.
fn fork_while_sending() {
    private_namespace();
    let domain = Domain::open(&unique("while")).unwrap();
    let pool = pool::Builder::new("pool").domain(&domain).class(64, 2).create().unwrap();
    for (fails, panics) in [(false, false), (true, false), (false, true)] {
        let handle = std::cell::Cell::new(None);
        let loan = pool.loan(5).unwrap();
        let mut child = None;
        let parent = std::process::id();
        let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loan.send_with(pool::Route::from_words(1, 1), |sent| {
                handle.set(Some(sent));
                // SAFETY: the other thread of this process, the watchdog, sleeps, and holds nothing.
                if let ForkResult::Parent { child: made } = unsafe { fork() }.unwrap() {
                    child = Some(made);
                } else if panics {
                    std::panic::resume_unwind(Box::new("in the child"));
                }
                if fails { Err(PushError::Full(())) } else { Ok(()) }
            })
        }));
        if std::process::id() != parent {
            let is_refused = match sent {
                Ok(sent) => matches!(&sent, Err(failed)
                    if matches!(failed.error, PushError::Forked(())) && failed.loan.to_vec() == Err(Forked)),
                Err(_) => panics,
            };
            // SAFETY: ends this process at once.
            unsafe { nix::libc::_exit(if is_refused { 0 } else { 101 }) }
        }
        let child = child.unwrap();
        assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0), "{fails}, {panics}");
        assert_eq!(sent.unwrap().is_err(), fails);
        assert_eq!(pool.accept(&handle.get().unwrap()).is_ok(), !fails);
        assert_eq!(pool.stats().in_use(), 0);
    }
}

#[test]
fn a_push_that_forks_sends_in_the_parent_only() {
    Role::start("a fork while sending", &[]).finish();
}

/// Bytes of a block of the pool that a helper inherits.
const BLOCK: usize = 16 << 20;

/// Opens a pool, starts a helper that lives on, and ends.
fn leave_a_helper(domain: &str, inherited: bool) {
    let opened = Domain::open(domain).unwrap();
    let builder = pool::Builder::new("pool").domain(&opened).class(BLOCK, 1);
    let builder = if inherited { builder.inherited(true) } else { builder };
    let pool = builder.create().unwrap();
    let loan = pool.loan(10).unwrap();
    // SAFETY: the other thread of this process, the watchdog, sleeps, and holds nothing.
    if let ForkResult::Parent { .. } = unsafe { fork() }.unwrap() {
        // SAFETY: ends this process at once.
        unsafe { nix::libc::_exit(0) }
    }
    nix::unistd::alarm::set(60);
    assert!(matches!(pool.loan(10), Err(pool::LoanError::Forked)));
    assert_eq!(pool.stats().in_use(), 0);
    // Its own, perhaps at the same address, which the other one's cleanup does not remove.
    let own = Domain::open(&unique("own")).unwrap();
    let own = pool::Builder::new("pool").domain(&own).class(BLOCK, 1).create().unwrap();
    let mut own_loan = own.loan(BLOCK).unwrap();
    say("there");
    listen();
    drop((loan, pool));
    own_loan.fill(7).unwrap();
    drop((own_loan, own));
    say("dropped");
    listen();
    // SAFETY: ends this process at once.
    unsafe { nix::libc::_exit(0) }
}

/// The number of segments of at least the pool's size.
fn pools() -> usize {
    let segments = ipc_core::list::segments().unwrap();
    segments.iter().filter(|(_, stat)| stat.size() >= BLOCK).count()
}

#[test]
fn a_helper_keeps_no_pool_of_its_dead_parent_unless_that_said_so() {
    private_namespace();
    for (how, others) in [("as usual", 0), ("inherited", 1)] {
        let domain = Domain::open(&unique("helper")).unwrap();
        let mut helper = Role::start("with a helper", &[domain.name(), how]);
        assert_eq!(helper.hear(), "there");
        if let Some(opener) = domain.owner_of(helper.pid()).unwrap() {
            assert!(domain.wait_for_exit(opener, Instant::now() + LONG).unwrap());
        }
        // The helper's own, and that of its parent if present.
        assert_eq!(pools(), 1 + others, "{how}");
        helper.tell("go on");
        assert_eq!(helper.hear(), "dropped");
        assert_eq!(pools(), 0, "{how}");
    }
}
