//! What `tarpc_server` and `tarpc_client` share: the service, and how tarpc's messages go over a connection.
//!
//! Nothing here knows of rings: a [`Stream`] is `AsyncRead` and `AsyncWrite`, which is all that tarpc's
//! transport asks of a socket.

use ipc_async::Stream;
use serde::{Deserialize, Serialize};
use tarpc::serde_transport::{self, Transport};
use tarpc::tokio_serde::formats::Json;
use tarpc::tokio_util::codec::LengthDelimitedCodec;

/// The name under which the server listens.
pub const NAME: &str = "examples.tarpc";

/// Temperatures, in degrees Celsius.
#[tarpc::service]
pub trait Weather {
    /// Notes a measurement; gives how many there are of the place.
    async fn note(place: String, degrees: f64) -> u64;
    /// The mean of what was noted; `None` if nothing was.
    async fn mean(place: String) -> Option<f64>;
    /// Answers after a second.
    async fn slow() -> String;
}

/// Messages of this type in, and of that type out, over a connection.
pub type Over<In, Out> = Transport<Stream, In, Out, Json<In, Out>>;

/// Messages over a connection: a length, then JSON.
pub fn over<In, Out>(connection: Stream) -> Over<In, Out>
where
    In: for<'a> Deserialize<'a>,
    Out: Serialize,
{
    let framed = LengthDelimitedCodec::builder().new_framed(connection);
    serde_transport::new(framed, Json::default())
}
