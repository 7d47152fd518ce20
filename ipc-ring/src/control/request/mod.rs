//! Requests and their answers over a connection: several in flight, answers in any order and in parts,
//! deadlines.
//!
//! ```
//! use std::time::Duration;
//! use ipc_ring::control::{Builder, Requester, Responder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let domain = ipc_ring::Domain::open("doc-example-request")?;
//! # let service = Builder::new("double").domain(&domain);
//! # let mut listener = service.bind()?;
//! # let server = std::thread::spawn(move || {
//! // The server's side.
//! let mut responder = Responder::new(listener.accept().unwrap());
//! while let Ok(request) = responder.next() {
//!     let doubled = request.body().repeat(2);
//!     responder.reply(request.id(), &doubled).unwrap();
//! }
//! # });
//!
//! // The client's side.
//! let mut requester = Requester::new(service.connect()?);
//! assert_eq!(requester.call(b"ab", Duration::from_secs(5))?, b"abab");
//! # drop(requester);
//! # server.join().unwrap();
//! # Ok(()) }
//! ```

mod error;
mod requester;
mod responder;
mod wire;

pub use error::RequestError;
pub use requester::{Answer, Requester, Ticket};
pub use responder::{BorrowedRequest, Request, RequestId, Responder};
