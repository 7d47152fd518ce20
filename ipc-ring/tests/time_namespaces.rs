//! Processes in time namespaces, whose clocks differ by days: nothing that travels between them is off by
//! that.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{self, Requester, Responder};
use ipc_ring::{AttachError, AttachErrorKind, Domain, WaitStrategy, latest};
use kinds::{ALL, How, Told, kind};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{ForkResult, fork};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// Offsets in seconds: a day ahead, and 1000 seconds back, or as far as a recently booted machine allows.
fn offsets() -> [i64; 2] {
    let up = i64::try_from(monotonic().as_secs()).unwrap();
    [86_400, -(up / 2).min(1000)]
}

fn new_namespace_for_children() -> bool {
    unshare(CloneFlags::from_bits_retain(nix::libc::CLONE_NEWTIME)).is_ok()
}

/// Starts this program in a time namespace whose clocks differ by this number of seconds. `None`, with a
/// notice, where that is not possible.
fn start_at(offset: i64, role: &str, arguments: &[&str]) -> Option<Role> {
    let text = format!("monotonic {offset} 0\nboottime {offset} 0\n");
    let mut child = Role::start_with(role, arguments, |command| {
        let enter = move || {
            // From `exec` on; until then the numbers can be set.
            if new_namespace_for_children() {
                let _ = std::fs::write("/proc/self/timens_offsets", &text);
            }
            Ok(())
        };
        // SAFETY: what runs between fork and exec only makes system calls.
        unsafe { command.pre_exec(enter) };
    });
    let before = monotonic();
    let there = Duration::from_millis(child.hear().parse().unwrap());
    let seen = there.as_secs_f64() - before.as_secs_f64();
    if (seen - offset as f64).abs() > 60.0 {
        let why = format!("none was entered: the clock of the child is off by {seen} s, not {offset}");
        common::skip(common::Need::TimeNamespace, &why);
        return None;
    }
    Some(child)
}

fn service(domain: &str) -> control::Builder {
    control::Builder::new("service").domain(&Domain::open(domain).unwrap()).timeout(LONG)
}

fn newest(domain: &str) -> latest::Builder<u64> {
    latest::Builder::new("newest").domain(&Domain::open(domain).unwrap()).wait(WaitStrategy::Sleep)
}

/// How much time a server has for a request that is given `PATIENCE`.
const PATIENCE: Duration = Duration::from_secs(500);

fn serve_one(domain: &str) {
    let mut listener = service(domain).bind().unwrap();
    say("bound");
    let mut responder = Responder::new(listener.accept().unwrap());
    let request = responder.next().unwrap();
    let left = request.deadline().unwrap().saturating_duration_since(Instant::now());
    responder.reply(request.id(), left.as_millis().to_string().as_bytes()).unwrap();
    listen();
}

fn ask(domain: &str) -> Duration {
    let mut requester = Requester::new(service(domain).connect().unwrap());
    let body = requester.call(b"how long?", PATIENCE).unwrap();
    Duration::from_millis(std::str::from_utf8(&body).unwrap().parse().unwrap())
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    say(&monotonic().as_millis().to_string());
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", domain] => serve_one(domain),
        ["ask", domain] => {
            say(&ask(domain).as_millis().to_string());
        }
        ["publish", domain] => {
            let mut writer = newest(domain).create_sender().unwrap();
            while listen() == "publish" {
                writer.publish(7).unwrap();
                say("published");
            }
        }
        ["age", domain] => {
            let mut reader = newest(domain).open_receiver().unwrap();
            say("reading");
            while listen() == "age" {
                let value = reader.wait().unwrap();
                say(&(latest::now_ns() as i64 - value.time_ns as i64).to_string());
            }
        }
        ["give", name, domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut giver = (kind(name).giver)(How::new(&domain, WaitStrategy::Sleep)).unwrap();
            for number in 0..50 {
                assert_eq!(giver.give(number, LONG), Told::Yes);
            }
            say("given");
            listen();
        }
        ["open with children elsewhere", domain] => {
            let word = || {
                assert!(new_namespace_for_children());
                match Domain::open(domain).map_err(AttachError::into_kind) {
                    Ok(_) => "opened",
                    Err(AttachErrorKind::UnknownClock) => "unknown",
                    Err(_) => "otherwise",
                }
            };
            // In a process whose only thread, the one that `/proc` shows, makes the namespace. SAFETY: the
            // other threads of this process sleep, and hold nothing.
            match unsafe { fork() }.unwrap() {
                ForkResult::Parent { child } => {
                    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
                }
                ForkResult::Child => {
                    say(word());
                    // SAFETY: ends this process at once; nothing that it inherited is released.
                    unsafe { nix::libc::_exit(0) }
                }
            }
        }
        ["who", domain] => say(&generation(domain).to_string()),
        ref other => panic!("no such role: {other:?}"),
    }
}

/// The generation of this process in a new domain.
fn generation(domain: &str) -> u64 {
    let text = format!("{:?}", Domain::open(domain).unwrap().me());
    text.trim_end_matches(')').rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_request_has_the_time_that_its_client_gives_it() {
    private_namespace();
    for offset in offsets() {
        let domain = unique("time-request");
        let Some(mut server) = start_at(offset, "serve", &[&domain]) else { return };
        assert_eq!(server.hear(), "bound");
        let left = ask(&domain);
        assert!(left <= PATIENCE && left > Duration::ZERO, "server {offset} s off: {left:?}");
        server.tell("go");
        server.finish();

        let domain = unique("time-request");
        let mut server = Role::start("serve", &[&domain]);
        let _clock = server.hear();
        assert_eq!(server.hear(), "bound");
        let mut client = start_at(offset, "ask", &[&domain]).unwrap();
        let left = Duration::from_millis(client.hear().parse().unwrap());
        assert!(left <= PATIENCE && left > Duration::ZERO, "client {offset} s off: {left:?}");
        client.finish();
        server.tell("go");
        server.finish();
    }
}

#[test]
fn the_newest_value_is_as_old_as_it_is() {
    private_namespace();
    for offset in offsets() {
        let domain = unique("time-latest");
        let Some(mut writer) = start_at(offset, "publish", &[&domain]) else { return };
        let held = Domain::open(&domain).unwrap();
        let before = latest::now_ns();
        writer.tell("publish");
        assert_eq!(writer.hear(), "published");
        let mut reader = newest(&domain).open_receiver().unwrap();
        let time = reader.wait().unwrap().time_ns;
        assert!((before..=latest::now_ns()).contains(&time), "writer {offset} s off: {before} {time}");

        let mut other = start_at(offset, "age", &[&domain]).unwrap();
        assert_eq!(other.hear(), "reading");
        writer.tell("leave");
        writer.finish();
        let mut writer = newest(&domain).create_sender().unwrap();
        writer.publish(8).unwrap();
        other.tell("age");
        let age: i64 = other.hear().parse().unwrap();
        // The value published first may have been read.
        let most = i64::try_from(latest::now_ns() - before).unwrap();
        assert!((0..=most).contains(&age), "reader {offset} s off: {age}");
        other.tell("leave");
        other.finish();
        drop(held);
    }
}

#[test]
fn every_kind_passes_numbers_between_clocks() {
    private_namespace();
    for offset in offsets() {
        for kind in &ALL {
            let domain = Domain::open(&unique("time-kinds")).unwrap();
            let mut taker = (kind.taker)(How::new(&domain, WaitStrategy::Sleep)).unwrap();
            let Some(mut giver) = start_at(offset, "give", &[kind.name, domain.name()]) else { return };
            let mut last = None;
            while last != Some(49) {
                match taker.take(LONG) {
                    Told::Number(number) => last = Some(number),
                    other => panic!("{} after {last:?}: {other:?}", kind.name),
                }
            }
            assert_eq!(giver.hear(), "given", "{}", kind.name);
            giver.kill();
            assert_eq!(taker.take(LONG), Told::Gone, "{}", kind.name);
        }
    }
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

/// A domain that was removed and is made again in another namespace never repeats an earlier identity.
#[test]
fn identities_are_new_wherever_they_are_made() {
    private_namespace();
    let domain = unique("time-identity");
    for offset in offsets() {
        let before = generation(&domain);
        let Some(mut there) = start_at(offset, "who", &[&domain]) else { return };
        let between: u64 = there.hear().parse().unwrap();
        there.finish();
        let after = generation(&domain);
        assert!(before < between && between < after, "{offset} s off: {before} {between} {after}");
    }
}

/// The kernel shows the clock offsets of a process's children, not its own.
#[test]
fn whose_children_are_elsewhere_knows_its_clock_in_the_first_namespace_only() {
    private_namespace();
    let role = "open with children elsewhere";
    let Some(mut there) = start_at(86_400, role, &[&unique("time-children")]) else { return };
    assert_eq!(there.hear(), "unknown");
    there.finish();
    let mut here = Role::start(role, &[&unique("time-children")]);
    let _clock = here.hear();
    assert_eq!(here.hear(), "opened");
    here.finish();
}
