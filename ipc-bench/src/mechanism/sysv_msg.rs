//! `sysv-msg`: two System V message queues, one each way, through this project's own wrapper; in a fan all
//! share the first.

use std::io;

use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, MsgId, Select};
use ipc_core::{Key, Mode};

use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Object, Outcome, Plan, Registered, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// Asked for as the queue's size; granted to privileged users only, others keep the system's default.
const WANTED_BYTES: u64 = 1 << 20;

/// See the module.
pub(super) struct SysvMsg;

impl Mechanism for SysvMsg {
    fn name(&self) -> &'static str {
        "sysv-msg"
    }

    fn about(&self) -> &'static str {
        "msgsnd and msgrcv; queue of 1 MiB where allowed, else the system's default"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep, Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        let limit = std::fs::read_to_string("/proc/sys/kernel/msgmax").ok();
        if let Some(limit) = limit.and_then(|text| text.trim().parse::<usize>().ok())
            && plan.size > limit
        {
            return Err(Failure::Unavailable(format!(
                "the largest message is {limit} bytes (kernel.msgmax)"
            )));
        }
        let mut resources = Resources::default();
        for _ in 0..2 {
            let queue = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)
                .map_err(Failure::unavailable("message queue"))?;
            resources.keep.push(Box::new(Registered::new(Object::Queue(queue))?));
            // Refused to users without the capability: then the default stays, and the row reports it.
            let _ = queue.set_capacity_bytes(WANTED_BYTES);
            let capacity = queue.stat().map_err(Failure::at("message queue"))?.capacity_bytes();
            resources.capacity = Some(capacity);
            resources.numbers.push(i64::from(queue.id().as_raw()));
        }
        Ok(resources)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run_shared(job, gate, Queues::open(job)?)
    }
}

/// One process's side of the two queues.
pub(super) struct Queues {
    outgoing: MessageQueue,
    incoming: MessageQueue,
    poll: bool,
    buffer: MessageBuffer,
}

impl Queues {
    /// The side of one member; in a fan all share the first queue.
    pub(super) fn open(job: &Job) -> Result<Queues, Failure> {
        let queue = |index: usize| {
            let id = job.numbers.get(index).and_then(|number| i32::try_from(*number).ok());
            let id = id.ok_or_else(|| Failure::Failed("the parent passed no message queue".into()))?;
            Ok::<_, Failure>(MessageQueue::from_id(MsgId::from_raw(id)))
        };
        let (outgoing, incoming) = if job.role == Role::Producer { (0, 1) } else { (1, 0) };
        Ok(Queues {
            outgoing: queue(outgoing)?,
            incoming: queue(incoming)?,
            poll: job.plan.wait == Wait::Spin,
            buffer: MessageBuffer::with_capacity(job.plan.size),
        })
    }
}

impl Link for Queues {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.buffer.set(MessageType::ONE, message)?;
        if !self.poll {
            // The bare call: the queue holds any message that the limits allow, so a check would only add
            // cost.
            return Ok(self.outgoing.send_unchecked(&self.buffer)?);
        }
        while !self.outgoing.try_send(&self.buffer)? {
            std::hint::spin_loop();
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        if self.poll {
            while !self.incoming.try_receive(&mut self.buffer, Select::Any)? {
                std::hint::spin_loop();
            }
        } else {
            self.incoming.receive(&mut self.buffer, Select::Any)?;
        }
        let bytes = self.buffer.bytes();
        if bytes.len() != message.len() {
            return Err(io::Error::other(format!(
                "a message of {} bytes, not {}",
                bytes.len(),
                message.len()
            )));
        }
        message.copy_from_slice(bytes);
        Ok(())
    }
}
