//! Calls that need the lock while another process has it. How long each waits is in its error: the caller's
//! timeout, summed up over all steps: no more, and not the library's own.

use std::time::{Duration, Instant};

use ipc_ring::control::{AcceptError, BindError, Builder, ConnectError, Watch};
use ipc_ring::pool::Pool;
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, WaitSet, WaitStrategy, broadcast, bytes, call, latest, mpmc, pool,
    raw, spsc,
};

use crate::common::{private_namespace, unique};
use crate::holder::Holder;
use crate::kinds::{self, How};

/// Far from the five seconds of a call without a deadline.
const SHORT: Duration = Duration::from_millis(60);

/// Makes a call, which must wait for this time and then return the lock's timeout, with all its details. The
/// time in it is that of the caller, however late a busy machine returns.
fn check(
    what: &str,
    holder: &Holder,
    domain: &Domain,
    patience: Duration,
    call: impl FnOnce() -> Option<AttachError>,
) {
    let began = Instant::now();
    let error = call().unwrap_or_else(|| panic!("{what} did not fail"));
    assert!(began.elapsed() >= patience, "{what} did not wait");
    let AttachErrorKind::LockTimeout { waited, holder: pid } = error.kind() else {
        panic!("{what}: {error}");
    };
    assert_eq!(error.domain(), Some(domain.name()), "{what}");
    assert_eq!(*pid, Some(holder.pid()), "{what}");
    assert!(*waited <= patience, "{what} waits for {waited:?}");
    let text = error.to_string();
    assert!(text.contains(domain.name()) && text.contains(&holder.pid().to_string()), "{what}: {text}");
}

#[test]
fn every_kind_waits_as_long_as_its_domain_says() {
    private_namespace();
    let domain = Domain::open(&unique("patience")).unwrap();
    let holder = Holder::start();
    for patience in [Duration::ZERO, SHORT] {
        let domain = domain.clone().with_patience(patience);
        let how = How::new(&domain, WaitStrategy::Sleep);
        for kind in kinds::ALL {
            check(kind.name, &holder, &domain, patience, || (kind.giver)(how).err());
            check(kind.name, &holder, &domain, patience, || (kind.taker)(how).err());
        }
        type Open = fn(&Domain, Duration) -> Option<AttachError>;
        let calls: [(&str, Open); 8] = [
            ("list", |domain, _| domain.list().err()),
            ("look_up", |domain, _| domain.look_up("name").err()),
            ("remove_channel", |domain, _| domain.remove_channel("name").err()),
            ("watch", |domain, _| Watch::new(domain, "name").err()),
            ("set", |domain, _| WaitSet::new(domain).err()),
            ("observer", |domain, _| spsc::Observer::open_in(domain, "name").err()),
            ("pool", |domain, _| pool::Stats::read_in(domain, "name").err()),
            ("wait_for", |domain, patience| domain.wait_for("name", patience).err()),
        ];
        for (what, call) in calls {
            check(what, &holder, &domain, patience, || call(&domain, patience));
        }
    }
    holder.end();
    assert!(domain.list().unwrap().names.is_empty());
}

#[test]
fn a_builder_s_deadline_is_for_the_whole_call() {
    private_namespace();
    let domain = Domain::open(&unique("deadline")).unwrap();
    let holder = Holder::start();
    type Open = fn(&Domain, Instant) -> Result<(), AttachError>;
    let builders: [(&str, Open); 7] = [
        ("spsc", |d, t| spsc::Builder::<u64>::new("n").domain(d).deadline(t).create_sender().map(drop)),
        ("bytes", |d, t| bytes::Builder::new("n").domain(d).deadline(t).create_receiver().map(drop)),
        ("mpmc", |d, t| mpmc::Builder::<u64>::new("n").domain(d).deadline(t).create_sender().map(drop)),
        ("broadcast", |d, t| {
            broadcast::Builder::<u64>::new("n").domain(d).deadline(t).open_observer().map(drop)
        }),
        ("latest", |d, t| latest::Builder::<u64>::new("n").domain(d).deadline(t).create_receiver().map(drop)),
        ("call", |d, t| call::Builder::<u64, u64>::new("n").domain(d).deadline(t).create_sender().map(drop)),
        ("pool", |d, t| pool::Builder::new("n").domain(d).deadline(t).create().map(drop::<Pool>)),
    ];
    for (what, open) in builders {
        for patience in [SHORT, Duration::ZERO] {
            check(what, &holder, &domain, patience, || open(&domain, Instant::now() + patience).err());
        }
    }
    holder.end();
}

#[test]
fn connecting_and_binding_and_accepting_keep_their_time() {
    private_namespace();
    let domain = Domain::open(&unique("sessions")).unwrap();
    let service = Builder::new("service").domain(&domain);
    let mut listener = service.bind().unwrap();

    let holder = Holder::start();
    check("connect", &holder, &domain, SHORT, || match service.clone().timeout(SHORT).connect() {
        Err(ConnectError::Attach(error)) => Some(error),
        other => panic!("{other:?}"),
    });
    assert!(
        matches!(service.connect_retrying(Instant::now() + SHORT), Err(error) if error.is_temporary()),
        "a retry may help"
    );
    let quick = Builder::new("other").domain(&domain.clone().with_patience(SHORT));
    check("bind", &holder, &domain, SHORT, || match quick.bind() {
        Err(BindError::Attach(error)) => Some(error),
        other => panic!("{other:?}"),
    });
    assert!(matches!(listener.accept_timeout(SHORT), Err(AcceptError::TimedOut { .. })));
    assert!(listener.try_accept().unwrap().is_none());
    holder.end();

    // A client that has greeted while the lock was free, and is let in when it is free again.
    let client = std::thread::spawn({
        let service = service.clone();
        move || service.timeout(Duration::from_secs(60)).connect().map(drop)
    });
    while !domain.list().unwrap().names.iter().any(|name| name.name == "service")
        || domain.list().unwrap().queues < 2
    {
        std::thread::yield_now();
    }
    let holder = Holder::start();
    assert!(matches!(listener.accept_timeout(SHORT), Err(AcceptError::TimedOut { .. })));
    assert!(listener.try_accept().unwrap().is_none());
    holder.end();
    drop(listener.accept_timeout(Duration::from_secs(60)).unwrap());
    client.join().unwrap().unwrap();
    assert_eq!(listener.counts().refused, 0);
}

#[test]
fn joining_keeps_its_time_and_telling_needs_no_lock() {
    private_namespace();
    let domain = Domain::open(&unique("joining")).unwrap();
    let channel = spsc::Builder::<u64>::new("told").domain(&domain);
    let _producer = channel.create_sender().unwrap();
    let watch = Watch::new(&domain, "told").unwrap();
    let holder = Holder::start();
    assert_eq!(watch.tell(b"hello").unwrap(), 0, "there is no other watcher");
    let mut member = crate::common::Role::start("join", &[domain.name(), &SHORT.as_millis().to_string()]);
    let said = member.hear();
    assert!(said.contains("lock could not be had") && said.contains(&holder.pid().to_string()), "{said}");
    holder.end();
    member.finish();
}

/// The child's half.
pub fn join(domain: &str, millis: &str) {
    let patience = Duration::from_millis(millis.parse().unwrap());
    let error = Domain::open_deadline(domain, Instant::now() + patience).unwrap_err();
    let AttachErrorKind::LockTimeout { waited, .. } = error.kind() else { panic!("{error}") };
    assert!(*waited <= patience, "{waited:?}");
    crate::common::say(&error.to_string());
}

/// A builder without a domain joins the user's own, whose lock it does not get: the error is about the
/// channel all the same.
#[test]
fn what_keeps_a_call_from_joining_the_user_s_own_domain_is_said_of_the_channel() {
    private_namespace();
    let producer = spsc::Producer::<u64>::create("n").unwrap();
    let holder = Holder::start();
    crate::common::Role::start("outsider", &[]).finish();
    holder.end();
    drop(producer);
}

/// The child's half.
pub fn outsider() {
    let over = Instant::now();
    type Open = fn(Instant) -> Option<AttachError>;
    let calls: [(&str, Open); 8] = [
        ("spsc", |t| spsc::Builder::<u64>::new("n").deadline(t).create_sender().err()),
        ("broadcast", |t| broadcast::Builder::<u64>::new("n").deadline(t).open_observer().err()),
        ("frames", |t| broadcast::frames::Builder::new("n").deadline(t).open_observer().err()),
        ("latest", |t| latest::Builder::<u64>::new("n").deadline(t).open_observer().err()),
        ("raw sender", |t| raw::Builder::new("n").deadline(t).open_sender().err()),
        ("raw receiver", |t| raw::Builder::new("n").deadline(t).create_receiver().err()),
        ("raw prefix", |t| raw::Builder::new("n").deadline(t).open_prefix::<u64>().err()),
        ("raw caller", |t| raw::Builder::new("n").deadline(t).open_caller().err()),
    ];
    for (what, open) in calls {
        let error = open(over).unwrap_or_else(|| panic!("{what} did not fail"));
        assert!(matches!(error.kind(), AttachErrorKind::LockTimeout { .. }), "{what}: {error}");
        assert_eq!(error.channel(), Some("n"), "{what}: {error}");
        assert!(error.domain().is_some() && error.to_string().contains("channel \"n\""), "{what}: {error}");
    }
}
