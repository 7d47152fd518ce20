//! Control traffic over System V message queues: sessions between a server and its clients, requests, events,
//! discovery.
//!
//! Data goes through rings; queues carry small, rare frames: which processes are there, which may connect,
//! which have gone. Nothing here is on the hot path of a channel.
//!
//! ```
//! use std::time::Duration;
//! use ipc_ring::control::{Builder, Listener};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let domain = ipc_ring::Domain::open("doc-example-control")?;
//! let service = Builder::new("echo").domain(&domain);
//! let mut listener = service.bind()?; // or Listener::bind("echo")?
//!
//! // Another process, here a thread.
//! # let service = service.clone();
//! let client = std::thread::spawn(move || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
//!     let mut server = service.connect()?; // or ipc_ring::connect("echo")?
//!     server.send(b"hello")?;
//!     Ok(server.recv()?)
//! });
//!
//! let mut client_there = listener.accept()?;
//! let said = client_there.recv()?;
//! client_there.send(&said)?;
//! assert_eq!(client.join().unwrap().unwrap(), b"hello");
//! # Ok(()) }
//! ```
//!
//! **Sessions.** A [`Listener`] is a name in the domain's directory and a message queue. [`connect`] makes
//! two rings and a reply queue, all private, and passes their identifiers to the server; five frames later
//! both sides have a [`Connection`]: a ring in each direction, and a peer whose user and process the kernel
//! attests ([`Peer`]). No handshake waits without a deadline, the server never waits for a client, and a
//! client that is killed at any point leaves nothing behind.
//!
//! **Streams.** A connection that carries frames is a stream of bytes as well, as a
//! [`UnixStream`](std::os::unix::net::UnixStream) is: [`Read`](std::io::Read),
//! [`BufRead`](std::io::BufRead), [`Write`](std::io::Write), timeouts, non-blocking mode,
//! [`shutdown`](Connection::shutdown) of one direction, [`into_split`](Connection::into_split) for two
//! threads.
//!
//! ```
//! use std::io::{BufRead, Write};
//! use std::net::Shutdown;
//! # use ipc_ring::control::Builder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let domain = ipc_ring::Domain::open("doc-example-stream")?;
//! # let service = Builder::new("upper").domain(&domain);
//! # let mut listener = service.bind()?;
//! # let client = std::thread::spawn(move || -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
//! let mut server = service.connect()?;
//! server.write_all(b"one line\n")?;
//! server.shutdown(Shutdown::Write);
//! let mut answer = String::new();
//! server.read_line(&mut answer)?;
//! assert_eq!(answer, "ONE LINE\n");
//! # Ok(answer) });
//! # let (reader, mut writer) = listener.accept()?.into_split();
//! # for line in reader.lines() { writeln!(writer, "{}", line?.to_uppercase())?; }
//! # drop(writer);
//! # client.join().unwrap().unwrap();
//! # Ok(()) }
//! ```
//!
//! **What happens when**
//!
//! | | |
//! |---|---|
//! | the listener's queue is full | a client tries until its deadline, then [`ConnectError::QueueFull`] |
//! | a client's queue is full, since it does not read | the server drops that client; others do not notice |
//! | a frame of a listener before this one | counted and ignored, or refused as [`Reason::Stale`] |
//! | the listener's queue is removed by hand | [`AcceptError::System`]; new clients get [`ConnectError::NotFound`] |
//! | two servers bind one name | the second gets [`BindError::AlreadyBound`], unless the first is dead |
//! | the server dies | its clients' rings report it; [`Builder::connect_retrying`] waits for the next one, with growing pauses of random length |
//! | the listener is dropped | clients in a handshake are refused; connections go on |
//! | the server is stopped | [`ConnectError::TimedOut`] |

mod backoff;
mod builder;
mod connect;
mod connecting;
mod connection;
mod discovery;
mod error;
mod events;
mod handles;
mod handshake;
mod limits;
mod listener;
mod mailbox;
mod peer;
mod reason;
mod request;
mod session;
mod split;
mod stream;
mod watch;

pub use crate::channel::{Carry, EndRole, Frames, Values};
pub use builder::Builder;
pub use connect::connect;
pub use connecting::Connecting;
pub use connection::Connection;
pub use discovery::{ChannelInfo, EndInfo, ListenerInfo, Listing, NameInfo, Named, ProcessInfo};
pub use error::{AcceptError, BindError, ConnectError, ListenerName};
pub use events::{ChannelEvent, MAX_STATS, MAX_USER_MESSAGE, Sender};
pub use handles::HandleField;
pub use limits::{Counts, Limits};
pub use listener::Listener;
pub use peer::Peer;
pub use reason::Reason;
pub use request::{Answer, BorrowedRequest, Request, RequestError, RequestId, Requester, Responder, Ticket};
pub use session::Session;
pub use split::{ReadHalf, ReuniteError, WriteHalf};
pub use watch::Watch;
