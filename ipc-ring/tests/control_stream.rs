//! A connection as a stream of bytes: reading and writing across frames, timeouts, half close, two threads.

mod common;
mod control_stream_common;

use std::io::{BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use common::{kernel_objects, private_namespace, role, say, wait_for_a_sleeper};
use control_stream_common::{MUCH, another_pair, bytes_of, pair, service, with_child};
use ipc_ring::{Domain, PopError, PushError, WaitSet};

/// Sizes unrelated to frames or the ring.
fn sizes() -> impl Iterator<Item = usize> {
    [1, 7, 0, 3000, 64, 2, 1999, 513, 4096, 8].into_iter().cycle()
}

fn write_in_pieces(to: &mut impl Write, mut bytes: &[u8]) {
    for size in sizes() {
        if bytes.is_empty() {
            break;
        }
        let written = to.write(&bytes[..size.min(bytes.len())]).unwrap();
        bytes = &bytes[written..];
    }
    to.flush().unwrap();
}

fn read_in_pieces(from: &mut impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    for size in sizes() {
        match from.read(&mut piece[..size]).unwrap() {
            0 if size > 0 => break,
            read => all.extend_from_slice(&piece[..read]),
        }
    }
    all
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<_> = role.iter().map(String::as_str).collect();
    let server = service(arguments[1]).connect().unwrap();
    match arguments[..] {
        ["upper", _] => {
            let (reader, mut writer) = server.into_split();
            for line in BufReader::new(reader).lines() {
                writeln!(writer, "{}", line.unwrap().to_uppercase()).unwrap();
            }
        }
        ["cross", _] => {
            let (mut reader, mut writer) = server.into_split();
            let sender = std::thread::spawn(move || {
                write_in_pieces(&mut writer, &bytes_of(1, MUCH));
                writer.shutdown();
                assert_eq!(writer.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
                writer
            });
            assert!(read_in_pieces(&mut reader) == bytes_of(2, MUCH));
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the end stays the end");
            drop(reader.reunite(sender.join().unwrap()).unwrap());
            say("both");
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn a_line_protocol_runs_over_it() {
    private_namespace();
    let before = kernel_objects();
    let (child, connection, listener) = with_child("upper");
    let (reader, mut writer) = connection.into_split();
    writer.write_all(b"first li").unwrap();
    writer.write_all(b"ne\nsecond line\n").unwrap();
    drop(writer);
    let answers: Vec<String> = BufReader::new(reader).lines().map(Result::unwrap).collect();
    assert_eq!(answers, ["FIRST LINE", "SECOND LINE"]);
    child.finish();
    drop(listener);
    assert_eq!(kernel_objects(), before);
}

#[test]
fn both_sides_close_while_data_is_under_way() {
    let (mut child, connection, listener) = with_child("cross");
    let (mut reader, mut writer) = connection.into_split();
    let sender = std::thread::spawn(move || write_in_pieces(&mut writer, &bytes_of(2, MUCH)));
    assert!(read_in_pieces(&mut reader) == bytes_of(1, MUCH));
    sender.join().unwrap();
    assert_eq!(child.hear(), "both");
    child.finish();
    assert_eq!(listener.connections(), 1, "the session lives as long as one half");
    drop(reader);
    assert_eq!(listener.connections(), 0);
}

#[test]
fn a_read_crosses_frames_and_keeps_what_does_not_fit() {
    let (mut here, mut there, _listener) = pair();
    there.send(b"").unwrap();
    there.send(b"abc").unwrap();
    there.write_all(b"defgh").unwrap();
    assert_eq!(there.write(b"").unwrap(), 0);
    let pieces = [IoSlice::new(b"ij"), IoSlice::new(b""), IoSlice::new(b"kl")];
    assert_eq!(there.write_vectored(&pieces).unwrap(), 4);
    let mut out = [0; 6];
    assert_eq!(here.read(&mut []).unwrap(), 0);
    assert_eq!(here.read(&mut out).unwrap(), 6, "two frames and half a third");
    assert_eq!(&out, b"abcdef");
    assert_eq!(here.unread(), b"gh");
    assert_eq!(here.recv().unwrap(), b"gh", "what is left of the frame");
    assert_eq!(here.unread(), b"");
    assert_eq!(here.fill_buf().unwrap(), b"ijkl");
    here.consume(1);
    assert_eq!(here.try_recv().unwrap(), b"jkl");
    assert!(matches!(here.try_recv(), Err(PopError::Empty)));

    // More than a frame holds is sent in several.
    let longest = there.sender().unwrap().longest();
    let long = bytes_of(3, longest + 1);
    assert_eq!(there.write(&long).unwrap(), longest);
    assert_eq!(there.write(&long[longest..]).unwrap(), 1);
    let mut got = vec![0; longest + 1];
    assert_eq!(here.read(&mut got).unwrap(), longest + 1);
    assert!(got == long);

    // The rest of a frame goes with the halves, there and back.
    there.write_all(b"xyz").unwrap();
    here.read_exact(&mut out[..1]).unwrap();
    let (reader, writer) = here.into_split();
    assert_eq!(reader.unread(), b"yz");
    let mut here = reader.reunite(writer).unwrap();
    let mut rest = String::new();
    drop(there);
    here.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "yz");
    assert!(matches!(here.recv(), Err(PopError::Closed)));
}

#[test]
fn timeouts_end_reads_and_writes_that_lose_nothing() {
    let (mut here, mut there, _listener) = pair();
    for zero in [here.set_read_timeout(Some(Duration::ZERO)), here.set_write_timeout(Some(Duration::ZERO))] {
        assert_eq!(zero.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!((here.read_timeout(), here.write_timeout()), (None, None));
    let short = Duration::from_millis(30);
    here.set_read_timeout(Some(short)).unwrap();
    assert_eq!(here.read_timeout(), Some(short));
    let started = Instant::now();
    assert_eq!(here.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(here.fill_buf().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(started.elapsed() >= 2 * short);
    there.write_all(b"late").unwrap();
    let mut out = [0; 4];
    here.read_exact(&mut out).unwrap();
    assert_eq!(&out, b"late");

    there.set_write_timeout(Some(short)).unwrap();
    let piece = bytes_of(4, 1000);
    let mut sent = Vec::new();
    let error = loop {
        match there.write(&piece) {
            Ok(len) => sent.extend_from_slice(&piece[..len]),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(matches!(error.get_ref().unwrap().downcast_ref(), Some(PushError::<()>::TimedOut(()))));
    let pieces = [IoSlice::new(&piece), IoSlice::new(&piece)];
    assert_eq!(there.write_vectored(&pieces).unwrap_err().kind(), ErrorKind::TimedOut);
    let mut got = vec![0; sent.len()];
    here.read_exact(&mut got).unwrap();
    assert!(got == sent);
    assert_eq!(
        here.read(&mut out).unwrap_err().kind(),
        ErrorKind::TimedOut,
        "the refused writes wrote nothing"
    );
    there.write_all(b"room").unwrap();
    here.read_exact(&mut out).unwrap();
    assert_eq!(&out, b"room");
}

#[test]
fn a_non_blocking_connection_says_would_block_and_can_be_waited_for() {
    let (mut here, mut there, listener) = pair();
    here.set_nonblocking(true);
    there.set_nonblocking(true);
    let mut set = WaitSet::new(listener.domain()).unwrap();
    assert_eq!(here.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(here.fill_buf().unwrap_err().kind(), ErrorKind::WouldBlock);
    let sent = bytes_of(5, MUCH / 4);
    let expected = sent.clone();
    let writer = std::thread::spawn(move || {
        let mut set = WaitSet::new(&Domain::open(listener.domain().name()).unwrap()).unwrap();
        let (mut rest, mut refused) = (&sent[..], 0);
        while !rest.is_empty() {
            match there.write(rest) {
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    refused += 1;
                    set.wait(&mut [there.sender().unwrap()], None).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
        there.shutdown(Shutdown::Both);
        refused
    });
    let (mut got, mut piece, mut refused) = (Vec::new(), [0; 700], 0);
    loop {
        match here.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => got.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                set.wait(&mut [here.receiver().unwrap()], None).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(got == expected);
    assert!(writer.join().unwrap() + refused > 0, "one of them waited");
    here.set_nonblocking(false);
    assert_eq!(here.write(b"?").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn shutting_down_twice_or_what_is_down_has_no_effect() {
    let (mut here, mut there, _listener) = pair();
    there.write_all(b"not read").unwrap();
    here.read_exact(&mut [0; 3]).unwrap();
    for how in [Shutdown::Read, Shutdown::Both, Shutdown::Both, Shutdown::Write] {
        here.shutdown(how);
        assert_eq!(here.read(&mut [0]).unwrap(), 0);
        assert!(here.fill_buf().unwrap().is_empty() && here.unread().is_empty());
        assert!(here.receiver().is_none());
        assert!(matches!(here.recv(), Err(PopError::Closed)));
    }
    here.flush().unwrap();
    assert_eq!(here.write(b"").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(there.read(&mut [0]).unwrap(), 0);
    let (reader, writer) = here.into_split();
    let (other, _listener) = {
        let (here, _, listener) = another_pair();
        (here.into_split(), listener)
    };
    let error = reader.reunite(other.1).unwrap_err();
    assert_eq!(error.to_string(), "these are halves of two connections; reunite each with its own");
    let mut whole = error.0.reunite(writer).unwrap();
    assert_eq!(whole.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_interrupted_read_or_write_is_not_tried_again() {
    let (here, mut there, _listener) = pair();
    // The standard library's loops continue on the kind `Interrupted`.
    let interrupter = there.interrupter();
    let reading = std::thread::spawn(move || {
        let told = there.read_exact(&mut [0; 8]).unwrap_err();
        (told, there)
    });
    wait_for_a_sleeper();
    interrupter.interrupt().unwrap();
    let (told, there) = reading.join().unwrap();
    assert_eq!(told.kind(), ErrorKind::Other);
    assert!(matches!(told.get_ref().unwrap().downcast_ref(), Some(PopError::Interrupted)), "{told:?}");

    // Each half by its own handle, and not by the connection's.
    let (mut reader, mut writer) = there.into_split();
    interrupter.interrupt().unwrap();
    let (of_reader, of_writer) = (reader.interrupter().unwrap(), writer.interrupter().unwrap());
    of_writer.interrupt().unwrap();
    let told = writer.write_all(&bytes_of(8, MUCH)).unwrap_err();
    assert!(
        matches!(told.get_ref().unwrap().downcast_ref(), Some(PushError::<()>::Interrupted(()))),
        "{told:?}"
    );
    let waiting = std::thread::spawn(move || (reader.read_to_end(&mut Vec::new()).unwrap_err(), reader));
    wait_for_a_sleeper();
    of_reader.interrupt().unwrap();
    let (told, reader) = waiting.join().unwrap();
    assert_eq!(told.kind(), ErrorKind::Other);

    // One again, with one handle for both ends.
    let mut there = reader.reunite(writer).unwrap();
    there.interrupter().interrupt().unwrap();
    assert_eq!(there.read(&mut [0]).unwrap_err().kind(), ErrorKind::Other);
    drop(here);
}
