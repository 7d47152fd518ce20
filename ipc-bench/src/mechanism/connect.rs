//! `connect` and `unix-connect`: a new connection for each round trip: connect, send, receive, close. By this
//! project's listener, and by a Unix stream socket.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ipc_ring::control::{self, Connection, Listener};

use super::link::{failed, wrong};
use super::request::{PATIENCE, names, service};
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Descriptors, Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// Bytes of each ring of a connection.
const CAPACITY: u64 = 1 << 16;
/// The longest message that is measured.
const LONGEST: usize = 16 << 10;

/// By this project's listener.
pub(super) struct Connect;

impl Mechanism for Connect {
    fn name(&self) -> &'static str {
        "connect"
    }

    fn about(&self) -> &'static str {
        "a new connection for each round trip, with peers attested by the kernel and a ring each way: connect, send, receive, close"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LONGEST {
            return Err(Failure::Unavailable(format!("the longest message measured is {LONGEST} bytes")));
        }
        names(CAPACITY)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let service = service(job)?.capacity(CAPACITY).wait(strategy(job.plan.wait));
        if job.role == Role::Producer {
            workload::run_round_trips(job, gate, Connects { service, connection: None })
        } else {
            let listener = service.bind().map_err(Failure::at("listening"))?;
            workload::run_round_trips(job, gate, Accepts { listener, connection: None })
        }
    }
}

struct Connects {
    service: control::Builder,
    connection: Option<Connection>,
}

impl Link for Connects {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut connection = self.service.connect_retrying(Instant::now() + PATIENCE).map_err(failed)?;
        connection.send(message).map_err(failed)?;
        self.connection = Some(connection);
        Ok(())
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        receive(self.connection.take(), message).map(drop)
    }
}

struct Accepts {
    listener: Listener,
    connection: Option<Connection>,
}

impl Link for Accepts {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut connection = self.connection.take().ok_or_else(|| failed("no client is connected"))?;
        connection.send(message).map_err(failed)
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let connection = self.listener.accept().map_err(failed)?;
        self.connection = Some(receive(Some(connection), message)?);
        Ok(())
    }
}

fn receive(connection: Option<Connection>, message: &mut [u8]) -> io::Result<Connection> {
    let mut connection = connection.ok_or_else(|| failed("no client is connected"))?;
    let receiver = connection.receiver().ok_or_else(|| failed("the receiving direction is closed"))?;
    let length = receiver.pop_into(message).map_err(failed)?;
    if length == message.len() { Ok(connection) } else { Err(wrong(length, message.len())) }
}

/// By a Unix stream socket.
pub(super) struct UnixConnect;

/// Makes the names of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl Mechanism for UnixConnect {
    fn name(&self) -> &'static str {
        "unix-connect"
    }

    fn about(&self) -> &'static str {
        "a new Unix stream socket for each round trip: connect, write, read, close"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LONGEST {
            return Err(Failure::Unavailable(format!("the longest message measured is {LONGEST} bytes")));
        }
        // Relaxed: only the number matters.
        let numbers = vec![i64::from(std::process::id()), i64::from(ROUND.fetch_add(1, Ordering::Relaxed))];
        let listener = address(&numbers)
            .and_then(|address| UnixListener::bind_addr(&address))
            .map_err(|error| Failure::Unavailable(format!("listening on a Unix socket: {error}")))?;
        Ok(Resources { numbers, consumer: vec![OwnedFd::from(listener)], ..Resources::default() })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let address = address(&job.numbers).map_err(Failure::at("making an address"))?;
        if job.role == Role::Producer {
            workload::run_round_trips(job, gate, UnixConnects { address, stream: None })
        } else {
            let listener = UnixListener::from(OwnedFd::from(Descriptors::take(job).next_file()?));
            workload::run_round_trips(job, gate, UnixAccepts { listener, stream: None })
        }
    }
}

/// A name without a file.
fn address(numbers: &[i64]) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("ipc-bench-{numbers:?}"))
}

struct UnixConnects {
    address: SocketAddr,
    stream: Option<UnixStream>,
}

impl Link for UnixConnects {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut stream = UnixStream::connect_addr(&self.address)?;
        stream.write_all(message)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        self.stream.take().ok_or_else(|| failed("no client is connected"))?.read_exact(message)
    }
}

struct UnixAccepts {
    listener: UnixListener,
    stream: Option<UnixStream>,
}

impl Link for UnixAccepts {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.take().ok_or_else(|| failed("no client is connected"))?.write_all(message)
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let (mut stream, _) = self.listener.accept()?;
        stream.read_exact(message)?;
        self.stream = Some(stream);
        Ok(())
    }
}
