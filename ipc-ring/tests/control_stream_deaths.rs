//! A connection as a stream of bytes whose other side is killed, or stops reading.

mod common;
mod control_stream_common;

use std::io::{BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use common::{listen, role, say, wait_for_a_sleeper};
use control_stream_common::{MUCH, another_pair, bytes_of, service, with_child};
use ipc_ring::PopError;
use ipc_ring::control::Connection;

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<_> = role.iter().map(String::as_str).collect();
    let mut server = service(arguments[1]).connect().unwrap();
    match arguments[..] {
        ["write-and-stay", _] => {
            server.write_all(b"one\ntwo\nthr").unwrap();
            say("written");
            listen();
        }
        ["end-and-stay", _] => {
            server.write_all(b"all").unwrap();
            server.shutdown(Shutdown::Write);
            say("ended");
            listen();
        }
        ["deaf", _] => {
            server.shutdown(Shutdown::Read);
            say("deaf");
            assert_eq!(listen(), "read");
            assert_eq!(server.read(&mut [0]).unwrap(), 0);
            server.write_all(b"still here").unwrap();
            drop(server);
            say("gone");
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// How a test continues to read until there is an error.
#[derive(Clone, Copy, Debug)]
enum How {
    Blocking,
    Timeout,
    NonBlocking,
}

const WAYS: [How; 3] = [How::Blocking, How::Timeout, How::NonBlocking];

fn set(connection: &mut Connection, how: How) {
    let long = Some(Duration::from_secs(1000));
    match how {
        How::Blocking => {}
        How::Timeout => {
            connection.set_read_timeout(long).unwrap();
            connection.set_write_timeout(long).unwrap();
        }
        How::NonBlocking => connection.set_nonblocking(true),
    }
}

#[test]
fn what_a_killed_peer_sent_is_read_then_the_connection_is_reset() {
    for how in WAYS {
        let (mut child, mut connection, _listener) = with_child("write-and-stay");
        set(&mut connection, how);
        assert_eq!(child.hear(), "written");
        child.kill();
        child.wait_killed();
        let mut lines = BufReader::with_capacity(5, &mut connection).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "one");
        assert_eq!(lines.next().unwrap().unwrap(), "two");
        assert_eq!(lines.next().unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset, "{how:?}");
        let error = connection.read(&mut [0]).unwrap_err();
        assert!(matches!(error.get_ref().unwrap().downcast_ref(), Some(PopError::PeerGone(_))), "{error:?}");
        // No room will come.
        let error = loop {
            if let Err(error) = connection.write(&[7; 600]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{how:?}");
        assert_eq!(connection.write_vectored(&[IoSlice::new(&[7; 600])]).unwrap_err().kind(), error.kind());
    }
}

#[test]
fn a_peer_killed_behind_its_last_word_ends_the_stream() {
    for how in WAYS {
        let (mut child, mut connection, _listener) = with_child("end-and-stay");
        set(&mut connection, how);
        assert_eq!(child.hear(), "ended");
        child.kill();
        child.wait_killed();
        let mut all = String::new();
        connection.read_to_string(&mut all).unwrap();
        assert_eq!(all, "all", "{how:?}");
    }
}

#[test]
fn a_sleep_for_a_peer_ends_with_its_death() {
    for reads in [true, false] {
        let (mut child, mut connection, _listener) = with_child("write-and-stay");
        assert_eq!(child.hear(), "written");
        let waiting = std::thread::spawn(move || {
            let mut all = Vec::new();
            let told = if reads { connection.read_to_end(&mut all).map(drop) } else { Ok(()) };
            (told.and_then(|()| connection.write_all(&bytes_of(6, MUCH))), all)
        });
        wait_for_a_sleeper();
        child.kill();
        let (told, all) = waiting.join().unwrap();
        assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(all, if reads { &b"one\ntwo\nthr"[..] } else { b"" });
        child.wait_killed();
    }
}

#[test]
fn a_peer_that_does_not_read_any_more_breaks_the_pipe() {
    let (mut child, mut connection, _listener) = with_child("deaf");
    assert_eq!(child.hear(), "deaf");
    assert_eq!(connection.write(b"lost").unwrap_err().kind(), ErrorKind::BrokenPipe);
    child.tell("read");
    assert_eq!(child.hear(), "gone");
    let mut all = String::new();
    connection.read_to_string(&mut all).unwrap();
    assert_eq!(all, "still here", "the other direction is open");
    child.finish();

    // Closing ends a waiting write, and dropping a half closes it.
    let (here, mut there, _listener) = another_pair();
    let (mut reader, writer) = here.into_split();
    let waiting = std::thread::spawn(move || {
        let told = there.write_all(&bytes_of(7, MUCH)).unwrap_err();
        (told.kind(), there)
    });
    wait_for_a_sleeper();
    reader.read_exact(&mut [0; 100]).unwrap();
    drop(reader);
    let (kind, mut there) = waiting.join().unwrap();
    assert_eq!(kind, ErrorKind::BrokenPipe);
    assert!(writer.is_peer_alive().unwrap());
    assert_eq!(writer.peer().pid(), Some(std::process::id()));
    drop(writer);
    assert_eq!(there.read(&mut [0]).unwrap(), 0);
}
