//! `tcp` and `udp` over the loopback interface.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::RcvBuf};

use super::byte_stream::ByteStream;
use super::datagram::Datagrams;
use super::unix_stream::both_ways;
use super::{Kind, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// The largest payload of a UDP datagram over IPv4.
const LARGEST_DATAGRAM: usize = 65_507;
/// A sleeping reader of datagrams gives up after this silence.
const SILENCE: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Tcp;

impl Mechanism for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn about(&self) -> &'static str {
        "TCP over loopback, TCP_NODELAY; the reader takes all that waits in one read"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep, Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn prepare(&self, _plan: &Plan) -> Result<Resources, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(Failure::unavailable("listening on loopback"))?;
        let address = listener.local_addr().map_err(Failure::unavailable("listening on loopback"))?;
        let producer = TcpStream::connect(address).map_err(Failure::unavailable("connecting on loopback"))?;
        let (consumer, from) = listener.accept().map_err(Failure::unavailable("connecting on loopback"))?;
        if producer.local_addr().ok() != Some(from) {
            return Err(Failure::Failed("another program connected to our port".into()));
        }
        for socket in [&producer, &consumer] {
            socket.set_nodelay(true).map_err(Failure::at("TCP_NODELAY"))?;
        }
        // The kernel sizes the buffers of a connection by itself, better than a fixed size does.
        let twice = |socket: TcpStream| {
            let copy = socket.try_clone().map_err(Failure::at("dup"))?;
            Ok::<_, Failure>(vec![OwnedFd::from(socket), OwnedFd::from(copy)])
        };
        Ok(Resources { producer: twice(producer)?, consumer: twice(consumer)?, ..Resources::default() })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run(job, gate, ByteStream::inherited(job)?)
    }
}

/// See the module.
pub(super) struct Udp;

impl Mechanism for Udp {
    fn name(&self) -> &'static str {
        "udp"
    }

    fn about(&self) -> &'static str {
        "UDP over loopback, connected sockets; drops messages when the receiver is too slow"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep, Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn may_lose(&self) -> bool {
        true
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LARGEST_DATAGRAM {
            return Err(Failure::Unavailable(format!("the largest datagram is {LARGEST_DATAGRAM} bytes")));
        }
        let bind =
            || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::unavailable("binding on loopback"));
        let (producer, consumer) = (bind()?, bind()?);
        let address = |socket: &UdpSocket| socket.local_addr().map_err(Failure::at("getsockname"));
        producer.connect(address(&consumer)?).map_err(Failure::at("connect"))?;
        consumer.connect(address(&producer)?).map_err(Failure::at("connect"))?;
        for socket in [&producer, &consumer] {
            socket.set_read_timeout(Some(SILENCE)).map_err(Failure::at("SO_RCVTIMEO"))?;
            // The kernel gives what its limit allows.
            let _ = setsockopt(socket, RcvBuf, &(1 << 20));
        }
        both_ways(producer.into(), consumer.into())
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run(job, gate, Datagrams::<true>::inherited(job)?)
    }
}
