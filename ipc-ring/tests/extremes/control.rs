//! Domains, connections, requests and events.

use std::io::{Read as _, Write as _};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ipc_core::{Mode, Trust};
use ipc_ring::control::{
    Builder as Service, Carry, Connection, Frames, Limits, Requester, Responder, Values, Watch,
};
use ipc_ring::describe::Describe;
use ipc_ring::layout::Kind;
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{Domain, ElementType, Interrupter, WaitStrategy, pool, raw, readiness, spsc};

use crate::common::{private_namespace, unique};
use crate::{FOR_EVER, NOTHING, latest_instant, past};

/// The client's and the server's side; the rings are small.
pub fn connected<Out: Carry, In: Carry>(
    domain: &Domain,
    wait: WaitStrategy,
) -> (Connection<Out, In>, Connection<In, Out>) {
    let service = Service::new(&unique("service")).domain(domain).capacity(4096).wait(wait);
    let mut listener = service.bind_as::<Out, In>().unwrap();
    let client = thread::spawn(move || service.connect_retrying_as::<Out, In>(latest_instant()).unwrap());
    let server = listener.accept().unwrap();
    (client.join().unwrap(), server)
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[describe(crate = "ipc_ring::describe")]
#[repr(C)]
struct Number {
    number: u64,
}

fn all_instants() -> impl Iterator<Item = Instant> {
    past().into_iter().chain([latest_instant()])
}

fn all_lengths() -> impl Iterator<Item = Duration> {
    NOTHING.into_iter().chain(FOR_EVER)
}

/// Opening, where nothing has to be waited for: also a deadline that has passed leaves one attempt.
#[test]
fn deadlines_of_domains_and_builders() {
    private_namespace();
    let name = unique("opening");
    let domain = Domain::open(&name).unwrap();
    let owner = nix::unistd::geteuid().as_raw();
    let interrupter = Interrupter::new();
    for deadline in all_instants() {
        let (mode, trust) = (Mode::PRIVATE, Trust::same_user());
        Domain::open_deadline(&name, deadline).unwrap();
        Domain::open_interruptible(&name, deadline, &interrupter).unwrap();
        Domain::open_shared_deadline(&name, owner, mode, trust.clone(), deadline).unwrap();
        Domain::open_shared_interruptible(&name, owner, mode, trust, deadline, &interrupter).unwrap();
        domain.look_up_deadline("nothing", deadline).unwrap();
        let channel = spsc::Builder::<u64>::new("numbers").domain(&domain).deadline(deadline);
        let (producer, consumer) = (channel.create_sender().unwrap(), channel.open_receiver().unwrap());
        // Both are this process.
        assert!(producer.evict_peer(deadline).is_err() && consumer.evict_peer(deadline).is_err());
        pool::Builder::new("pool").domain(&domain).class(64, 1).deadline(deadline).create().unwrap();
    }
    for patience in all_lengths() {
        domain.clone().with_patience(patience).list().unwrap();
    }
}

/// What is there is delivered whatever the timeout.
#[test]
fn timeouts_of_connections_and_of_raw_ends() {
    private_namespace();
    let domain = Domain::open(&unique("timeouts")).unwrap();
    let element = ElementType::new(8, 8, "u64").unwrap();
    let channel = raw::Builder::new("raw").domain(&domain).kind(Kind::Spsc).element(&element);
    let (mut receiver, mut sender) = (channel.create_receiver().unwrap(), channel.open_sender().unwrap());
    let blocks = pool::Builder::new("blocks").domain(&domain).class(64, 1).create().unwrap();
    let mut lender = pool::Lender::new(&blocks).unwrap();
    for patience in all_lengths() {
        drop(lender.loan_timeout(8, patience).unwrap());
        let (mut client, mut server) = connected::<Frames, Frames>(&domain, WaitStrategy::Sleep);
        client.send(b"frame").unwrap();
        assert_eq!(server.recv_timeout(patience).unwrap(), b"frame");
        assert_eq!(server.set_read_timeout(Some(patience)).is_ok(), !patience.is_zero());
        assert_eq!(client.set_write_timeout(Some(patience)).is_ok(), !patience.is_zero());
        client.write_all(b"bytes").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        let ((mut reader, _writer), (_reader, mut writer)) = (server.into_split(), client.into_split());
        assert_eq!(reader.set_read_timeout(Some(patience)).is_ok(), !patience.is_zero());
        assert_eq!(writer.set_write_timeout(Some(patience)).is_ok(), !patience.is_zero());
        writer.write_all(b"bytes").unwrap();
        reader.read_exact(&mut [0; 5]).unwrap();

        let (mut client, mut server) = connected::<Values<u64>, Values<u64>>(&domain, WaitStrategy::Sleep);
        client.send_value(7).unwrap();
        assert_eq!(server.recv_value_timeout(patience).unwrap(), 7);

        sender.send_timeout(&[7; 8], patience).unwrap();
        receiver.receive_timeout(&mut [0; 8], patience).unwrap();
    }

    let channel = spsc::Builder::<Number>::new("described").domain(&domain).described();
    let mut producer = channel.create_sender().unwrap();
    let mut prefix = raw::Builder::new("described").domain(&domain).open_prefix::<Number>().unwrap();
    for patience in all_lengths() {
        producer.push(Number { number: 7 }).unwrap();
        assert_eq!(prefix.receive_timeout(patience).unwrap().number, 7);
    }
}

/// A task gives way to others for this long before it arms.
#[test]
fn budgets_of_tasks() {
    private_namespace();
    let domain = Domain::open(&unique("budgets")).unwrap();
    let channel = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let (mut consumer, mut producer) = (channel.create_receiver().unwrap(), channel.open_sender().unwrap());
    let mut context = Context::from_waker(Waker::noop());
    for budget in all_lengths() {
        let mut registration = readiness::Registration::new(&consumer).unwrap();
        registration.set_budget(budget);
        for number in 0..1000 {
            assert!(registration.poll(&mut consumer, &mut context).is_pending(), "{budget:?}");
            if number % 100 == 99 {
                producer.push(number).unwrap();
                assert!(registration.poll(&mut consumer, &mut context).is_ready(), "{budget:?}");
                assert_eq!(consumer.try_pop().unwrap(), number);
                registration.popped(&mut consumer);
            }
        }
        registration.cancel(&mut consumer);
    }
}

/// Connections, requests and events.
#[test]
fn times_and_counts_of_control() {
    private_namespace();
    let domain = Domain::open(&unique("control")).unwrap();
    for patience in NOTHING {
        let service = Service::new(&unique("no-server")).domain(&domain).timeout(patience);
        service.connect().unwrap_err();
        service.connect_retrying(past()[2]).unwrap_err();
        assert!(Requester::reconnecting(&service, patience).is_err());
    }
    for patience in FOR_EVER {
        let service = Service::new(&unique("service")).domain(&domain).timeout(patience);
        let mut listener = service.bind().unwrap();
        for deadline in past() {
            listener.accept_deadline(deadline).unwrap_err();
        }
        for nothing in NOTHING {
            listener.accept_timeout(nothing).unwrap_err();
        }
        thread::scope(|scope| {
            let client = scope.spawn(|| service.connect_retrying(latest_instant()).unwrap());
            let mut responder = Responder::new(listener.accept_timeout(patience).unwrap()).patience(patience);
            let mut requester = Requester::new(client.join().unwrap());
            for deadline in past() {
                assert!(responder.next_deadline(deadline).is_err());
            }
            for nothing in NOTHING {
                requester.call(b"nothing", nothing).unwrap_err();
            }
            let server = scope.spawn(move || {
                while let Ok(request) = responder.next_deadline(latest_instant()) {
                    if request.wants_answer() {
                        responder.reply(request.id(), b"yes").unwrap();
                    }
                }
            });
            assert_eq!(requester.call(b"?", patience).unwrap(), b"yes");
            let mut answer = Vec::new();
            assert_eq!(requester.call_vec(b"?", patience, &mut answer).unwrap(), 3);
            assert_eq!(requester.call_into(b"?", patience, &mut [0; 3]).unwrap(), 3);
            requester.tell(b"!", patience).unwrap();
            let ticket = requester.start(b"?", patience).unwrap();
            assert!(requester.wait(&ticket).is_ok());
            let ticket = requester.start_deadline(b"?", Some(latest_instant())).unwrap();
            assert!(requester.wait(&ticket).is_ok());
            drop(requester);
            server.join().unwrap();
        });
    }
    for limit in [0, u32::MAX] {
        let limits = Limits {
            connections: limit,
            per_user: limit,
            per_process: limit,
            handshakes: limit,
            ring_bytes: u64::from(limit) << 32 | u64::from(limit),
        };
        let service = Service::new(&unique("limits")).domain(&domain).limits(limits);
        let mut listener = service.bind().unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(|| service.clone().timeout(Duration::from_secs(1)).connect().is_ok());
            let accepted = listener.accept_timeout(Duration::from_secs(2)).is_ok();
            assert_eq!((client.join().unwrap(), accepted), (limit > 0, limit > 0));
        });
    }
    let channel = spsc::Builder::<u64>::new("watched").domain(&domain).create_receiver().unwrap();
    let mut watch = Watch::new(&domain, "watched").unwrap();
    for nothing in NOTHING {
        while watch.next_timeout(nothing).unwrap().is_some() {}
    }
    for patience in FOR_EVER {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| watch.next_timeout(patience).unwrap().is_some());
            thread::sleep(Duration::from_millis(3));
            spsc::Builder::<u64>::new("watched").domain(&domain).open_sender().unwrap().detach();
            assert!(waiting.join().unwrap());
        });
    }
    drop(channel);
}
