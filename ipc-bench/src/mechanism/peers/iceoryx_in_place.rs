//! `iceoryx2-in-place`: publish and subscribe without loss of blocks of any size, of which only a stamp is
//! written and read, as in `pool`.

use std::io;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;

use super::files;
use super::iceoryx::{at, await_peer, node, odd};
use crate::mechanism::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, STAMP, Workload};

/// See the module.
pub(in crate::mechanism) struct IceoryxInPlace;

/// The longest block: the other side's pool has the same.
const LONGEST: usize = 16 << 20;

impl Mechanism for IceoryxInPlace {
    fn name(&self) -> &'static str {
        "iceoryx2-in-place"
    }

    fn about(&self) -> &'static str {
        "another project: iceoryx2 0.10, loans read in place; a stamp of 16 bytes is written and read, as with pool"
    }

    fn kind(&self) -> Kind {
        Kind::Peer
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        // Not the stream: a rate of bytes that are neither written nor read is meaningless.
        &[Workload::Pingpong, Workload::Load, Workload::Wake]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LONGEST {
            return Err(Failure::Unavailable(format!("the longest block measured is {LONGEST} bytes")));
        }
        files::resources(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run_stamped(job, gate, Blocks::open(job)?)
    }
}

/// A topic each way.
struct Blocks {
    out: Publisher<ipc::Service, [u8], ()>,
    into: Subscriber<ipc::Service, [u8], ()>,
    size: usize,
    _node: Node<ipc::Service>,
}

impl Blocks {
    fn open(job: &Job) -> Result<Blocks, Failure> {
        let node = node(job)?;
        let size = job.plan.size;
        let topic = |direction: &str| {
            let name = direction.try_into().map_err(at("naming a service"))?;
            node.service_builder(&name)
                .publish_subscribe::<[u8]>()
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
            .initial_max_slice_len(size)
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
        into.receive().map_err(at("connecting the subscriber"))?;
        out.update_connections().map_err(at("connecting the publisher"))?;
        Ok(Blocks { out, into, size, _node: node })
    }
}

impl Link for Blocks {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut sample = self.out.loan_slice_uninit(self.size).map_err(odd)?;
        let (front, _) = sample.payload_mut().split_at_mut(message.len());
        front.write_copy_of_slice(message);
        // SAFETY: any byte is a value, and those that are not written here are memory that the kernel gave
        // filled with zeros or that held an earlier message.
        let sample = unsafe { sample.assume_init() };
        sample.send().map_err(odd)?;
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        loop {
            if let Some(sample) = self.into.receive().map_err(odd)? {
                let front = sample.payload().get(..message.len().min(STAMP));
                message.copy_from_slice(front.ok_or_else(|| odd("a block that is too short"))?);
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
