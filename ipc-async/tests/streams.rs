//! Connections in tasks: connecting, streams of bytes in both directions, half close, and death.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_async::{Async, Stream, connect, connect_as};
use ipc_ring::control::{Builder, ConnectError, Connection, Frames, Values};
use ipc_ring::{Domain, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Many times what a ring holds.
const MUCH: usize = 1 << 20;

fn service(domain: &str) -> Builder {
    Builder::new("service")
        .domain(&Domain::open(domain).unwrap())
        .timeout(Duration::from_secs(60))
        .capacity(4096)
}

fn bytes_of(seed: u8) -> Vec<u8> {
    (0..MUCH).map(|index| (index as u8).wrapping_mul(31).wrapping_add((index >> 8) as u8) ^ seed).collect()
}

/// One thread, in which nothing may block.
fn in_tokio<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

/// The children's half: processes without a runtime.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<_> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["cross", domain] => {
            let (mut reader, mut writer) = service(domain).connect().unwrap().into_split();
            let sender = std::thread::spawn(move || writer.write_all(&bytes_of(1)).unwrap());
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert!(all == bytes_of(2));
            sender.join().unwrap();
        }
        ["write-and-stay", domain] => {
            let mut server = service(domain).connect().unwrap();
            server.write_all(b"some").unwrap();
            server.write_all(b" words").unwrap();
            say("written");
            listen();
        }
        ["deaf", domain] => {
            let mut server = service(domain).connect().unwrap();
            server.shutdown(Shutdown::Read);
            server.write_all(b"deaf").unwrap();
            listen();
        }
        ["ignore", domain] => {
            let _listener = service(domain).bind().unwrap();
            say("bound");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn a_client_and_its_server_share_a_thread() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("async-connect");
    in_tokio(async {
        let service = service(&domain);
        let mut listener = Async::new(service.bind().unwrap()).unwrap();
        for budget in [Duration::from_micros(20), Duration::ZERO] {
            listener.set_budget(budget);
            let clients = async { tokio::join!(connect(&service), connect(&service), connect(&service)) };
            let servers = async { (listener.pop().await, listener.pop().await, listener.pop().await) };
            let (clients, servers) = tokio::join!(clients, servers);
            let mut sum = 0;
            for mut client in [clients.0, clients.1, clients.2].map(Result::unwrap) {
                client.send(&[7]).unwrap();
            }
            for mut server in [servers.0, servers.1, servers.2].map(Result::unwrap) {
                sum += server.recv().unwrap()[0];
            }
            assert_eq!(sum, 21);
        }
    });
    assert_eq!(kernel_objects(), before);
}

#[test]
fn listeners_of_values_are_streams_too() {
    private_namespace();
    let domain = unique("async-values");
    let service = service(&domain);
    smol::block_on(async {
        let mut listener = Async::new(service.bind_as::<Values<u64>, Frames>().unwrap()).unwrap();
        let client = connect_as::<Values<u64>, Frames>(&service);
        let (client, server) = futures_util::join!(client, futures_util::StreamExt::next(&mut listener));
        client.unwrap().send_value(7).unwrap();
        assert_eq!(server.unwrap().unwrap().recv_value().unwrap(), 7);
    });
}

/// A future that a runtime may move to another thread.
fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn connecting_fails_as_it_does_without_tasks() {
    private_namespace();
    let domain = unique("async-none");
    let service = service(&domain);
    in_tokio(async {
        let none = is_send(connect(&service)).await;
        assert!(matches!(none, Err(ConnectError::NotFound { .. })), "{none:?}");
        let mut child = Role::start("ignore", &[&domain]);
        assert_eq!(child.hear(), "bound");
        let before = kernel_objects();
        let impatient = service.clone().timeout(Duration::from_millis(50));
        let told = connect(&impatient).await;
        assert!(matches!(told, Err(ConnectError::TimedOut { .. })), "{told:?}");
        // Other tasks go on meanwhile, and a runtime's timeout is enough.
        let given_up = tokio::time::timeout(Duration::from_millis(50), connect(&service)).await;
        assert!(given_up.is_err());
        assert_eq!(kernel_objects().2, before.2, "no queue is left");
        let kill = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            child.kill();
        };
        let (told, ()) = tokio::join!(connect(&service), kill);
        assert!(matches!(told, Err(ConnectError::ServerGone { .. })), "{told:?}");
        child.wait_killed();
    });
}

#[test]
fn given_up_at_any_point_it_leaves_nothing() {
    private_namespace();
    let domain = unique("async-dropped");
    let service = service(&domain);
    let mut listener = service.bind().unwrap();
    // Its driver.
    let _task = Async::new(service.connecting().unwrap()).unwrap();
    let before = kernel_objects();
    for polls in 1.. {
        let mut is_connected = false;
        {
            let mut connecting = pin!(connect(&service));
            for _ in 0..polls {
                let polled = connecting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                drop(listener.try_accept().unwrap());
                if let Poll::Ready(connection) = polled {
                    is_connected = connection.is_ok();
                    break;
                }
            }
        }
        drop(listener.try_accept().unwrap());
        while kernel_objects() != before {
            assert!(listener.accept_timeout(Duration::from_millis(10)).is_err());
        }
        if is_connected {
            assert!(polls > 1);
            break;
        }
    }
}

/// A child in a role, and the connection to it.
fn with_child(role: &str) -> (Role, Connection, Listener) {
    private_namespace();
    let domain = unique("async-stream");
    let mut listener = service(&domain).bind().unwrap();
    let child = Role::start(role, &[&domain]);
    let connection = listener.accept().unwrap();
    (child, connection, listener)
}

#[test]
fn both_sides_close_while_data_is_under_way() {
    let (child, connection, _listener) = with_child("cross");
    in_tokio(async {
        let (mut reader, mut writer) = tokio::io::split(Stream::new(connection).unwrap());
        let sending = async {
            writer.write_all(&bytes_of(2)).await.unwrap();
            writer.shutdown().await.unwrap();
            assert_eq!(writer.write_all(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        };
        let receiving = async {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = tokio::join!(sending, receiving);
        assert!(all == bytes_of(1));
    });
    child.finish();
}

#[test]
fn what_a_killed_peer_sent_is_read_then_the_connection_is_reset() {
    let (mut child, mut connection, _listener) = with_child("write-and-stay");
    assert_eq!(child.hear(), "written");
    // What is left of a frame comes along.
    connection.read_exact(&mut [0; 2]).unwrap();
    in_tokio(async {
        let mut stream = Stream::new(connection).unwrap();
        let mut bytes = [0; 20];
        assert_eq!(stream.read(&mut bytes).await.unwrap(), 8, "across frames");
        assert_eq!(&bytes[..8], b"me words");
        let killing = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            child.kill();
        };
        let (told, ()) = tokio::join!(stream.read(&mut bytes), killing);
        assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let told = stream.write_all(&bytes_of(3)).await;
        assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
    child.wait_killed();
}

#[test]
fn a_side_that_does_not_read_any_more_breaks_the_pipe() {
    let (mut child, connection, listener) = with_child("deaf");
    in_tokio(async {
        let mut stream = Stream::new(connection).unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(stream.write_all(b"?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
    child.tell("end");
    child.finish();

    // A reader that is dropped, and a connection whose directions were shut down before.
    let service = service(listener.domain().name());
    in_tokio(async {
        let mut listener = Async::new(listener).unwrap();
        let (client, server) = tokio::join!(connect(&service), listener.pop());
        let (reader, mut writer, _session) = Stream::new(client.unwrap()).unwrap().into_split();
        let mut server = server.unwrap();
        drop(reader);
        assert_eq!(server.write(b"?").unwrap_err().kind(), ErrorKind::BrokenPipe);
        server.shutdown(Shutdown::Both);
        assert_eq!(writer.write_all(b"?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut closed = Stream::new(server).unwrap();
        assert_eq!(closed.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(closed.write_all(b"?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        closed.shutdown().await.unwrap();
        smol::io::AsyncWriteExt::close(&mut closed).await.unwrap();
    });
}
