//! Frames made by hand, by the byte tables of docs/layout.md: greetings that name another process's objects,
//! answers without the secret, garbage. And other users, admitted or not.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, MsgId, Select};
use ipc_core::shm::{Attachment, Options, SharedMemory};
use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, Trust};
use ipc_ring::control::{AcceptError, Builder, ConnectError, Listener, Named, Reason};
use ipc_ring::frame::{Frame, FrameKind};
use ipc_ring::{AttachError, Domain};

const LONG: Duration = Duration::from_secs(100);
const NONCE: [u64; 2] = [0x1234, 0x5678];

/// The user that serves, the group of admitted users, and some of them.
const SERVER: u32 = 61_001;
const GROUP: u32 = 61_000;
const FRIEND: u32 = 61_002;
const FORGER: u32 = 61_003;
const STRANGER: u32 = 61_004;
const UNLISTED: u32 = 61_005;

fn service(domain: &Domain) -> Builder {
    Builder::new("service").domain(domain).timeout(LONG)
}

/// A domain that other users may enter, so that clients are challenged.
fn open_to_a_group(name: &str) -> Domain {
    let mode = Mode::PRIVATE.group_read().group_write();
    let trust = Trust::same_user().mode_at_most(mode);
    Domain::open_shared(name, nix::unistd::geteuid().as_raw(), mode, trust).unwrap()
}

/// A domain for the users of the group.
fn shared(name: &str) -> Result<Domain, AttachError> {
    let mode = Mode::PRIVATE.group_read().group_write();
    let trust = Trust::same_user().allow_uid(SERVER).allow_uid(FRIEND).allow_uid(UNLISTED).mode_at_most(mode);
    Domain::open_shared(name, SERVER, mode, trust)
}

fn become_user(uid: u32, gid: u32) {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    setgroups(&[]).unwrap();
    setgid(Gid::from_raw(gid)).unwrap();
    setuid(Uid::from_raw(uid)).unwrap();
}

/// Frames made by hand are sent by a process of the domain that does not ring, so the sleeps of the listener
/// that they end are late.
fn late_sleeps_are_expected() {
    ipc_ring::wait::late::report_to(|_| {});
}

fn private_namespace_for_frames_by_hand() {
    late_sleeps_are_expected();
    private_namespace();
}

#[test]
fn plays_a_role() {
    late_sleeps_are_expected();
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", domain] => {
            become_user(SERVER, GROUP);
            let domain = shared(domain).unwrap();
            let mut listener =
                service(&domain).allow_user(FRIEND).allow_user(FORGER).allow_user(STRANGER).bind().unwrap();
            say("bound");
            while let Ok(mut connection) = listener.accept() {
                let uid = connection.peer().uid();
                connection.send(format!("you are {uid}").as_bytes()).unwrap();
                assert!(connection.recv().is_err(), "the other side ends");
            }
        }
        ["connect", domain, uid, gid] => {
            become_user(uid.parse().unwrap(), gid.parse().unwrap());
            let domain = match shared(domain) {
                Ok(domain) => domain,
                Err(error) => return say(&format!("no domain: {error}")),
            };
            match service(&domain).connect() {
                Ok(mut connection) => {
                    let said = connection.recv().unwrap();
                    say(&format!("{}, said {}", String::from_utf8(said).unwrap(), connection.peer().uid()));
                }
                Err(error) => say(&format!("no connection: {error}")),
            }
        }
        // Prepares a queue and two segments for the server and waits: another process names them.
        ["victim", domain] => {
            become_user(FRIEND, GROUP);
            let domain = shared(domain).unwrap();
            let mut client = Raw::new(&domain);
            client.give_to(SERVER);
            let [up, down] = client.segments();
            say(&format!("{} {up} {down}", client.queue.id().as_raw()));
            listen();
            say(&format!("{:?}", client.hear().map(|frame| frame.kind)));
        }
        ["forger", domain, queue, up, down, queue_of_server, generation] => {
            become_user(FORGER, GROUP);
            let domain = shared(domain).unwrap();
            let greet = |queue: i32, up: &str, down: &str| {
                let (up, down) = (up.parse().unwrap(), down.parse().unwrap());
                let frame = greeting(&domain, queue, [up, down], generation.parse().unwrap());
                let server = MessageQueue::from_id(MsgId::from_raw(queue_of_server.parse().unwrap()));
                server.send_bytes(MessageType::ONE, &frame.encode()).unwrap();
                server
            };
            // All of it the victim's: the challenge goes to the victim, which did not ask.
            let server = greet(queue.parse().unwrap(), up, down);
            // Its own queue with the victim's segments.
            let mut own = Raw::new(&domain);
            own.give_to(SERVER);
            greet(own.queue.id().as_raw(), up, down);
            say(&format!("{:?}", own.hear().unwrap().kind));
            // And it cannot read the greetings of others.
            let error = server.try_receive(&mut MessageBuffer::with_capacity(9000), Select::Any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// A client made by hand.
struct Raw {
    queue: RemoveOnDrop<MessageQueue>,
    rings: [(RemoveOnDrop<SharedMemory>, Attachment); 2],
    server: Option<MessageQueue>,
    generation: u64,
    domain: Domain,
}

/// A greeting by the tables.
fn greeting(domain: &Domain, queue: i32, [up, down]: [i32; 2], generation: u64) -> Frame {
    let owner =
        domain.list().unwrap().processes.iter().find(|process| process.owner == domain.me()).is_some();
    assert!(owner);
    let mut body = Vec::new();
    for word in [NONCE[0], NONCE[1], raw_owner(domain), 0, 0, 1, 1] {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    body.extend_from_slice(&down.to_ne_bytes());
    body.extend_from_slice(&0_u32.to_ne_bytes());
    Frame { generation, queue, segment: up, sequence: 1, ..Frame::new(FrameKind::Hello, &body) }
}

/// The identity as a number: low 16 bits the slot + 1, high 48 bits the generation.
fn raw_owner(domain: &Domain) -> u64 {
    let text = format!("{:?}", domain.me());
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let slot: u64 = numbers.next().unwrap().parse().unwrap();
    let generation: u64 = numbers.next().unwrap().parse().unwrap();
    generation << 16 | (slot + 1)
}

impl Raw {
    fn new(domain: &Domain) -> Self {
        let ring = || {
            let memory = SharedMemory::create_new(Key::PRIVATE, 8192, &Options::default()).unwrap();
            (RemoveOnDrop::new(memory), memory.attach().unwrap())
        };
        let info = domain.look_up("service").unwrap();
        let (server, generation) = match info.as_ref().map(|info| (&info.what, info.generation)) {
            Some((Named::Listener(listener), generation)) => (Some(listener.queue), generation),
            _ => (None, 0),
        };
        Self {
            queue: RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap()),
            rings: [ring(), ring()],
            server: server.map(|queue| MessageQueue::from_id(MsgId::from_raw(queue))),
            generation,
            domain: domain.clone(),
        }
    }

    fn segments(&self) -> [i32; 2] {
        [0, 1].map(|index| self.rings[index].0.id().as_raw())
    }

    fn give_to(&self, uid: u32) {
        self.queue.grant(uid).unwrap();
        for (ring, _) in &self.rings {
            ring.grant(uid).unwrap();
        }
    }

    fn hello(&self) -> Frame {
        greeting(&self.domain, self.queue.id().as_raw(), self.segments(), self.generation)
    }

    fn send(&self, bytes: &[u8]) {
        self.server.unwrap().send_bytes(MessageType::ONE, bytes).unwrap();
    }

    /// What the server answered, within a while.
    fn hear(&mut self) -> Option<Frame> {
        let mut buffer = MessageBuffer::with_capacity(9000);
        let deadline = Instant::now() + Duration::from_secs(if self.server.is_some() { 60 } else { 1 });
        self.queue
            .receive_deadline(&mut buffer, Select::Any, deadline)
            .unwrap()
            .then(|| Frame::decode(buffer.bytes()).unwrap())
    }

    fn has_answer(&self) -> bool {
        self.queue.stat().unwrap().messages() > 0
    }

    /// The reason for refusal, by its number: REJECT has the nonce, then 8 bytes, then the code.
    fn refusal(&mut self) -> u32 {
        let frame = self.hear().unwrap();
        assert_eq!(frame.kind, FrameKind::Reject);
        assert_eq!(&frame.body[..16], [NONCE[0].to_ne_bytes(), NONCE[1].to_ne_bytes()].concat());
        u32::from_ne_bytes(frame.body[24..28].try_into().unwrap())
    }
}

/// Lets the listener do its pending work.
fn work(listener: &mut Listener) {
    assert!(matches!(listener.try_accept(), Ok(None)));
}

/// A correct client is served as usual.
fn is_served(listener: &mut Listener) {
    let domain = listener.domain().clone();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut connection = service(&domain).connect().unwrap();
            connection.send(b"hello").unwrap();
            connection.recv().unwrap()
        });
        let mut connection = listener.accept().unwrap();
        assert_eq!(connection.recv().unwrap(), b"hello");
        connection.send(b"you").unwrap();
        assert_eq!(client.join().unwrap(), b"you");
    });
}

#[test]
fn a_greeting_is_believed_only_as_far_as_the_kernel_says() {
    private_namespace_for_frames_by_hand();
    let before = kernel_objects();
    let domain = Domain::open(&unique("forged")).unwrap();
    let mut listener = service(&domain).bind().unwrap();

    // Not a frame, of several lengths; the longest is longer than any frame.
    let raw = Raw::new(&domain);
    for length in [0, 1, 63, 64, 500, 8192] {
        raw.send(&vec![0x5a; length]);
    }
    work(&mut listener);
    assert_eq!(listener.counts().malformed, 6);

    // Nothing is sent to a queue that is not there, or that others may write to.
    raw.send(&greeting(&domain, 0x7fff_0000, raw.segments(), raw.generation).encode());
    let open = Raw::new(&domain);
    open.queue.set_mode(Mode::PRIVATE.others_write()).unwrap();
    open.send(&open.hello().encode());
    work(&mut listener);
    assert!(!open.has_answer());
    assert_eq!((listener.counts().greetings, listener.counts().refused), (2, 2));

    // Segments: not attached, open to others, one for both, not there.
    const NOT_YOURS: u32 = 7;
    type Spoil = fn(&mut Raw) -> [i32; 2];
    let spoilt: [Spoil; 4] = [
        |raw| {
            let segments = raw.segments();
            let memory = SharedMemory::create_new(Key::PRIVATE, 8192, &Options::default()).unwrap();
            raw.rings[0] = (RemoveOnDrop::new(memory), raw.rings[1].0.attach().unwrap());
            [memory.id().as_raw(), segments[1]]
        },
        |raw| {
            raw.rings[1].0.set_mode(Mode::PRIVATE.others_read()).unwrap();
            raw.segments()
        },
        |raw| [raw.segments()[0]; 2],
        |raw| [raw.segments()[0], 0x7fff_0000],
    ];
    for spoil in spoilt {
        let mut raw = Raw::new(&domain);
        let segments = spoil(&mut raw);
        raw.send(&greeting(&domain, raw.queue.id().as_raw(), segments, raw.generation).encode());
        work(&mut listener);
        assert_eq!(raw.refusal(), NOT_YOURS);
    }
    // An earlier listener's.
    let mut late = Raw::new(&domain);
    late.generation -= 1;
    late.send(&late.hello().encode());
    work(&mut listener);
    assert_eq!((late.refusal(), listener.counts().stale), (8, 1));
    // Another major version, which is sent ours if its queue is where ours would be.
    let mut bytes = late.hello().encode();
    bytes[4] = 9;
    late.send(&bytes);
    work(&mut listener);
    assert_eq!(late.hear().unwrap().body[24], 1);

    // In a domain of one user there is no challenge: the kernel decides which users may write to the server's
    // queue.
    let mut plain = Raw::new(&domain);
    plain.send(&plain.hello().encode());
    work(&mut listener);
    assert_eq!(plain.refusal(), 11, "the segments hold no rings");

    assert_eq!(listener.counts().accepted, 0);
    is_served(&mut listener);
    drop((raw, open, late, plain, listener, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn only_who_reads_the_challenge_gets_in() {
    private_namespace_for_frames_by_hand();
    let before = kernel_objects();
    let domain = open_to_a_group(&unique("challenge"));
    let mut listener = service(&domain).bind().unwrap();
    let mut raw = Raw::new(&domain);
    raw.send(&raw.hello().encode());
    work(&mut listener);
    let challenge = raw.hear().unwrap();
    assert_eq!(
        (challenge.kind, challenge.ack, challenge.generation),
        (FrameKind::Challenge, 1, raw.generation)
    );
    let secret = &challenge.body[16..32];
    let proof = |secret: &[u8], session: u64| Frame {
        session,
        sequence: 2,
        ack: 1,
        generation: raw.generation,
        ..Frame::new(FrameKind::Proof, secret)
    };
    for wrong in [
        proof(&[0; 16], challenge.session),
        proof(secret, challenge.session ^ 1),
        Frame { kind: FrameKind::Ready, ..proof(secret, challenge.session) },
        Frame { sequence: 3, ..proof(secret, challenge.session) },
        proof(&secret[..15], challenge.session),
    ] {
        raw.send(&wrong.encode());
    }
    work(&mut listener);
    assert!(!raw.has_answer());
    assert_eq!(listener.counts().ignored, 5);
    // An answer to a listener before this one.
    let stale = Frame { generation: raw.generation - 1, ..proof(secret, challenge.session) };
    raw.send(&stale.encode());
    work(&mut listener);
    assert!(!raw.has_answer());
    assert_eq!((listener.counts().ignored, listener.counts().stale), (5, 1));
    // Others are served meanwhile.
    is_served(&mut listener);
    raw.send(&proof(secret, challenge.session).encode());
    work(&mut listener);
    assert_eq!(raw.refusal(), 11, "the segments hold no rings");

    // One that never answers is notified in the end; one that does not read is dropped at once.
    drop(listener);
    let mut listener = service(&domain).timeout(Duration::from_secs(1)).bind().unwrap();
    let mut silent = Raw::new(&domain);
    silent.send(&silent.hello().encode());
    let deaf = Raw::new(&domain);
    while deaf.queue.try_send_bytes(MessageType::ONE, &[0; 500]).unwrap() {}
    while deaf.queue.try_send_bytes(MessageType::ONE, &[0; 50]).unwrap() {}
    deaf.send(&deaf.hello().encode());
    work(&mut listener);
    assert_eq!(listener.counts().deaf, 1);
    is_served(&mut listener);
    assert_eq!(silent.hear().unwrap().kind, FrameKind::Challenge);
    while listener.counts().timed_out == 0 {
        assert!(matches!(
            listener.accept_timeout(Duration::from_millis(50)),
            Err(AcceptError::TimedOut { .. })
        ));
    }
    assert_eq!(silent.refusal(), 13);

    // A listener that ends notifies the clients that are still connecting.
    let mut waiting = Raw::new(&domain);
    waiting.send(&waiting.hello().encode());
    work(&mut listener);
    assert_eq!(waiting.hear().unwrap().kind, FrameKind::Challenge);
    drop(listener);
    assert_eq!(waiting.refusal(), 14);
    drop((raw, silent, deaf, waiting, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn handshakes_are_bounded_in_all_and_for_each_queue() {
    private_namespace_for_frames_by_hand();
    let domain = open_to_a_group(&unique("bounded"));
    let limits = ipc_ring::control::Limits { handshakes: 10, ..Default::default() };
    let mut listener = service(&domain).limits(limits).bind().unwrap();
    let mut named = Raw::new(&domain);
    for _ in 0..20 {
        named.send(&named.hello().encode());
    }
    work(&mut listener);
    let kinds: Vec<FrameKind> = (0..20).map(|_| named.hear().unwrap().kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == FrameKind::Challenge).count(), 8);
    let mut others: Vec<Raw> = (0..3).map(|_| Raw::new(&domain)).collect();
    for other in &others {
        other.send(&other.hello().encode());
    }
    work(&mut listener);
    assert_eq!(others[1].hear().unwrap().kind, FrameKind::Challenge);
    assert_eq!(others[2].refusal(), 2);
    assert!(matches!(
        std::thread::scope(|scope| {
            let client = scope.spawn(|| service(&domain).connect());
            while listener.counts().greetings < 24 {
                work(&mut listener);
            }
            client.join().unwrap()
        }),
        Err(ConnectError::Refused { reason: Reason::Busy, .. })
    ));
}

#[test]
fn a_queue_that_is_removed_by_hand_is_an_error_and_can_be_bound_again() {
    private_namespace_for_frames_by_hand();
    let before = kernel_objects();
    let domain = Domain::open(&unique("removed")).unwrap();
    let mut listener = service(&domain).bind().unwrap();
    Raw::new(&domain).server.unwrap().remove().unwrap();
    match listener.accept() {
        Err(AcceptError::System { error, .. }) => assert_eq!(error.kind(), ErrorKind::Removed),
        other => panic!("{other:?}"),
    }
    assert!(matches!(service(&domain).connect(), Err(ConnectError::NotFound { .. })));
    let mut again = service(&domain).bind().unwrap();
    drop(listener);
    is_served(&mut again);
    drop((again, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn users_are_let_in_by_domain_and_listener_and_none_speaks_for_another() {
    private_namespace_for_frames_by_hand();
    if !nix::unistd::geteuid().is_root() {
        common::skip(common::Need::Root, "other users are played");
        return;
    }
    let before = kernel_objects();
    let domain = unique("users");
    let mut server = Role::start("server", &[&domain]);
    assert_eq!(server.hear(), "bound");
    let ask = |uid: u32, gid: u32| {
        let mut child = Role::start("connect", &[&domain, &uid.to_string(), &gid.to_string()]);
        let said = child.hear();
        child.finish();
        said
    };
    assert_eq!(ask(FRIEND, GROUP), format!("you are {FRIEND}, said {SERVER}"));
    assert!(ask(UNLISTED, GROUP).ends_with(&format!("user {UNLISTED} is not served")));
    let stranger = ask(STRANGER, STRANGER);
    assert!(stranger.starts_with("no domain: ") && stranger.contains("EACCES"), "{stranger}");

    // A user that may write to the server's queue names the objects of another user.
    let mut victim = Role::start("victim", &[&domain]);
    let objects = victim.hear();
    let [queue, up, down] = objects.split(' ').collect::<Vec<_>>()[..] else { panic!("{objects}") };
    // Root may look at everything; the forger learns no more of the directory than it could find out by
    // itself.
    let trust = Trust::anyone();
    let looking = Domain::open_shared(&domain, SERVER, Mode::PRIVATE, trust).unwrap();
    let info = looking.look_up("service").unwrap().unwrap();
    let Named::Listener(listener) = &info.what else { panic!("{info:?}") };
    let arguments = [&domain, queue, up, down, &listener.queue.to_string(), &info.generation.to_string()];
    let mut forger = Role::start("forger", &arguments);
    assert_eq!(forger.hear(), "Reject");
    victim.tell("look");
    assert_eq!(victim.hear(), "Some(Challenge)");
    forger.tell("enough");
    forger.finish();
    victim.finish();
    // The server is not affected.
    assert_eq!(ask(FRIEND, GROUP), format!("you are {FRIEND}, said {SERVER}"));
    server.kill();
    drop(looking);
    let now = kernel_objects();
    assert!(now.2.len() <= before.2.len() + 1, "only the server's queue, for its successor: {now:?}");
}
