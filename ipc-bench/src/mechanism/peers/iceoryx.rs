//! `iceoryx2`: publish and subscribe without loss, the message written into a loan; `iceoryx2-copy`: the
//! same, sent by copy; `iceoryx2-call`: its request and response, for round trips.
//!
//! It can only poll: its events are separate objects. So these rows spin.

use std::fmt::{Debug, Display};
use std::io;
use std::time::{Duration, Instant};

use iceoryx2::active_request::ActiveRequest;
use iceoryx2::pending_response::PendingResponse;
use iceoryx2::port::client::Client;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::server::Server;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;
use zerocopy::FromBytes;

use super::files;
use crate::mechanism::sizes::sized;
use crate::mechanism::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// How long one side waits for the other to join.
const PATIENCE: Duration = Duration::from_secs(10);

macro_rules! iceoryx_mechanism {
    ($type:ident, $name:literal, $about:literal, $workloads:expr, $run:ident, $link:ident $(, $copies:literal)?) => {
        /// See the module.
        pub(in crate::mechanism) struct $type;

        impl Mechanism for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn about(&self) -> &'static str {
                $about
            }

            fn kind(&self) -> Kind {
                Kind::Peer
            }

            fn waits(&self) -> &'static [Wait] {
                &[Wait::Spin]
            }

            fn workloads(&self) -> &'static [Workload] {
                $workloads
            }

            fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
                files::prepare(plan)
            }

            fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
                sized!(few: job.plan.size, N => {
                    const WORDS: usize = N / 8;
                    workload::$run::<N, _>(job, gate, $link::<WORDS $(, $copies)?>::open(job)?)
                })
            }
        }
    };
}

iceoryx_mechanism!(
    Iceoryx,
    "iceoryx2",
    "another project: iceoryx2 0.10, publish and subscribe without loss, messages written into a loan",
    workload::ALL,
    run_sized,
    Topics,
    false
);
iceoryx_mechanism!(
    IceoryxCopy,
    "iceoryx2-copy",
    "another project: iceoryx2 0.10, publish and subscribe without loss, messages sent by copy",
    workload::ALL,
    run_sized,
    Topics,
    true
);
iceoryx_mechanism!(
    IceoryxCall,
    "iceoryx2-call",
    "another project: iceoryx2 0.10, request and response",
    &[Workload::Pingpong],
    run_round_trips_sized,
    Call
);

#[cold]
pub(super) fn odd<E: Display>(error: E) -> io::Error {
    io::Error::other(error.to_string())
}

pub(super) fn at<E: Debug>(what: &str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Failed(format!("{what}: {error:?}"))
}

/// A node whose files are named after the round. The other side may be killed; files of other rounds are not
/// touched.
pub(super) fn node(job: &Job) -> Result<Node<ipc::Service>, Failure> {
    set_log_level(LogLevel::Fatal);
    let name = files::name(job)?;
    let mut config = Config::default();
    let root = std::env::temp_dir().join(&name);
    let root = root.to_str().ok_or_else(|| Failure::Failed("the folder's name is no text".into()))?;
    config.global.set_root_path(&Path::new(root.as_bytes()).map_err(at("naming its folder"))?);
    config.global.prefix = FileName::new(format!("{name}-").as_bytes()).map_err(at("naming its files"))?;
    // Both sides may arrive at the same time, on a busy machine.
    config.global.creation_timeout = PATIENCE;
    NodeBuilder::new()
        .config(&config)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()
        .map_err(|error| Failure::Unavailable(format!("creating its node: {error:?}")))
}

/// Asks until it is so.
pub(super) fn await_peer(joined: impl Fn() -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while !joined() {
        if Instant::now() > deadline {
            return Err(Failure::Failed("the other side did not join".into()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A topic each way.
struct Topics<const WORDS: usize, const COPIES: bool> {
    out: Publisher<ipc::Service, [u64; WORDS], ()>,
    into: Subscriber<ipc::Service, [u64; WORDS], ()>,
    _node: Node<ipc::Service>,
}

impl<const WORDS: usize, const COPIES: bool> Topics<WORDS, COPIES> {
    fn open(job: &Job) -> Result<Topics<WORDS, COPIES>, Failure> {
        let node = node(job)?;
        let topic = |direction: &str| {
            let name = direction.try_into().map_err(at("naming a service"))?;
            node.service_builder(&name)
                .publish_subscribe::<[u64; WORDS]>()
                .max_publishers(1)
                .max_subscribers(1)
                .subscriber_max_buffer_size(job.plan.slots.next_power_of_two())
                .enable_safe_overflow(false)
                .open_or_create()
                .map_err(at("opening a service"))
        };
        let (there, back) = (topic("there")?, topic("back")?);
        let (ours, theirs) = if job.role == Role::Producer { (&there, &back) } else { (&back, &there) };
        let out = ours
            .publisher_builder()
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(at("creating a publisher"))?;
        let into = theirs.subscriber_builder().create().map_err(at("creating a subscriber"))?;
        await_peer(|| {
            let (there, back) = (there.dynamic_config(), back.dynamic_config());
            there.number_of_publishers() == 1
                && there.number_of_subscribers() == 1
                && back.number_of_publishers() == 1
                && back.number_of_subscribers() == 1
        })?;
        // A subscriber is connected once it has polled for the first time; only then can the writer rely on
        // it.
        into.receive().map_err(at("connecting the subscriber"))?;
        out.update_connections().map_err(at("connecting the publisher"))?;
        Ok(Topics { out, into, _node: node })
    }
}

impl<const WORDS: usize, const COPIES: bool> Link for Topics<WORDS, COPIES> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(odd)?;
        if COPIES {
            self.out.send_copy(*message).map_err(odd)?;
        } else {
            let mut sample = self.out.loan_uninit().map_err(odd)?;
            sample.payload_mut().write(*message);
            // SAFETY: the payload has just been written, whole.
            let sample = unsafe { sample.assume_init() };
            sample.send().map_err(odd)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(odd)?;
        loop {
            if let Some(sample) = self.into.receive().map_err(odd)? {
                *place = *sample;
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}

type Pending<const WORDS: usize> = PendingResponse<ipc::Service, [u64; WORDS], (), [u64; WORDS], ()>;
type Request<const WORDS: usize> = ActiveRequest<ipc::Service, [u64; WORDS], (), [u64; WORDS], ()>;

/// The producer calls, the consumer answers.
enum Call<const WORDS: usize> {
    Client {
        port: Client<ipc::Service, [u64; WORDS], (), [u64; WORDS], ()>,
        pending: Option<Pending<WORDS>>,
        _node: Node<ipc::Service>,
    },
    Server {
        port: Server<ipc::Service, [u64; WORDS], (), [u64; WORDS], ()>,
        request: Option<Request<WORDS>>,
        _node: Node<ipc::Service>,
    },
}

impl<const WORDS: usize> Call<WORDS> {
    fn open(job: &Job) -> Result<Call<WORDS>, Failure> {
        let node = node(job)?;
        let name = "call".try_into().map_err(at("naming a service"))?;
        let service = node
            .service_builder(&name)
            .request_response::<[u64; WORDS], [u64; WORDS]>()
            .max_clients(1)
            .max_servers(1)
            .open_or_create()
            .map_err(at("opening a service"))?;
        let joined = || {
            let config = service.dynamic_config();
            config.number_of_clients() == 1 && config.number_of_servers() == 1
        };
        if job.role == Role::Producer {
            let port = service.client_builder().create().map_err(at("creating a client"))?;
            await_peer(joined)?;
            Ok(Call::Client { port, pending: None, _node: node })
        } else {
            let port = service.server_builder().create().map_err(at("creating a server"))?;
            await_peer(joined)?;
            // As for a subscriber: it is connected once it has polled.
            port.has_requests().map_err(at("connecting the server"))?;
            Ok(Call::Server { port, request: None, _node: node })
        }
    }
}

impl<const WORDS: usize> Link for Call<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(odd)?;
        match self {
            Call::Client { port, pending, .. } => {
                let request = port.loan_uninit().map_err(odd)?.write_payload(*message);
                *pending = Some(request.send().map_err(odd)?);
                Ok(())
            }
            Call::Server { request, .. } => {
                let request = request.take().ok_or_else(|| odd("an answer without a request"))?;
                request.loan_uninit().map_err(odd)?.write_payload(*message).send().map_err(odd)
            }
        }
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(odd)?;
        match self {
            Call::Client { pending, .. } => {
                let pending = pending.take().ok_or_else(|| odd("no request is pending"))?;
                loop {
                    if let Some(response) = pending.receive().map_err(odd)? {
                        *place = *response;
                        return Ok(());
                    }
                    std::hint::spin_loop();
                }
            }
            Call::Server { port, request, .. } => loop {
                if let Some(active) = port.receive().map_err(odd)? {
                    *place = *active;
                    *request = Some(active);
                    return Ok(());
                }
                std::hint::spin_loop();
            },
        }
    }
}
