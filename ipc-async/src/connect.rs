//! Connecting to a server.

use std::future::poll_fn;

use ipc_ring::WaitSetError;
use ipc_ring::control::{Builder, Carry, ConnectError, Connecting, Connection};

use crate::r#async::Async;
use crate::waiting::Waiting;

/// Connects, with frames in both directions, to the listener that `service` names, in its
/// [domain](Builder::domain).
///
/// A future that is dropped gives up and leaves nothing behind.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_async::{Async, connect};
/// use ipc_ring::control::Builder;
///
/// # let domain = ipc_ring::Domain::open("doc-example-async-connect")?;
/// let service = Builder::new("echo").domain(&domain);
/// let mut listener = Async::new(service.bind()?)?;
/// # smol::block_on(async {
/// let (client, server) = futures_util::join!(connect(&service), listener.pop());
/// let (mut client, mut server) = (client?, server?);
/// client.send(b"hello")?;
/// assert_eq!(server.try_recv()?, b"hello");
/// # Ok(()) })
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`]; [`TimedOut`](ConnectError::TimedOut) when the server has not answered within the
/// service's [`timeout`](Builder::timeout), reported a tenth of a second later at most.
///
/// # Blocking
/// Never, when the service has a domain. Without one it joins the user's own domain, and waits for its lock,
/// which others hold for microseconds. So does the first `Async` of a domain.
pub async fn connect(service: &Builder) -> Result<Connection, ConnectError> {
    connect_as(service).await
}

/// As [`connect`], to a server that receives `Out` and sends `In`.
///
/// # Errors
/// As [`connect`], and as [`Builder::connect_as`].
pub async fn connect_as<Out: Carry, In: Carry>(
    service: &Builder,
) -> Result<Connection<Out, In>, ConnectError> {
    let mut connecting = Async::new(service.connecting_as()?)?;
    let waiting = Waiting(&mut connecting);
    poll_fn(|context| waiting.0.poll_until(context, Connecting::try_connect, |_, _| None, failed)).await
}

fn failed<Out: Carry, In: Carry>(connecting: &Connecting<Out, In>, error: WaitSetError) -> ConnectError {
    match error {
        WaitSetError::System(error) => ConnectError::System { listener: connecting.full_name(), error },
        _ => ConnectError::Attach(ipc_ring::Forked.into()),
    }
}
