//! Connections whose server, client or both are forbidden to use `membarrier`, as in a sandbox: they agree on
//! fences.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::barrier;
use ipc_ring::control::{BindError, Builder, Frames, Requester, Responder, Values};
use ipc_ring::{AttachErrorKind, Barrier, Domain};
use nix::libc;

const LONG: Duration = Duration::from_secs(1000);

/// From here on `membarrier` fails in this thread, and in those that it starts, as a sandbox's filter makes
/// it fail.
fn forbid_membarrier() {
    const NUMBER: u32 = 0; // Offset of the call's number in the data that a filter examines.
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, NUMBER),
        libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_membarrier as u32)
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().unwrap();
    // SAFETY: the program is a valid one of this length, and is copied by the call.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::c_long::from(libc::SECCOMP_MODE_FILTER as i32),
            &raw const program,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    assert!(barrier::register().is_err(), "the filter works");
}

/// The properties of a side, by its name: makes builders for a service.
fn side(domain: &str, what: &str) -> impl Fn(&str) -> Builder {
    let barrier = match what {
        "sandboxed" => {
            forbid_membarrier();
            None
        }
        "with fences" => Some(Barrier::Fence),
        "usual" => None,
        other => panic!("no such side: {other}"),
    };
    let domain = Domain::open(domain).unwrap();
    move |name| {
        let builder = Builder::new(name).domain(&domain).timeout(LONG);
        barrier.into_iter().fold(builder, Builder::barrier)
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", domain, what] => {
            let service = side(domain, what);
            let mut frames = service("frames").bind().unwrap();
            let mut values = service("values").bind_as::<Values<u64>, Frames>().unwrap();
            say("bound");
            let mut responder = Responder::new(frames.accept().unwrap());
            for _ in 0..ROUNDS {
                let request = responder.next().unwrap();
                responder.reply(request.id(), request.body()).unwrap();
            }
            let mut values = values.accept().unwrap();
            let sum: u64 = (0..ROUNDS).map(|_| values.receiver().unwrap().pop().unwrap()).sum();
            values.send(&sum.to_le_bytes()).unwrap();
        }
        ["ask", domain, what] => {
            let service = side(domain, what);
            let mut requester = Requester::new(service("frames").connect().unwrap());
            for number in 0..ROUNDS {
                let body = number.to_le_bytes();
                assert_eq!(requester.call(&body, LONG).unwrap(), body);
            }
            let mut values = service("values").connect_as::<Values<u64>, Frames>().unwrap();
            (0..ROUNDS).for_each(|number| values.send_value(number).unwrap());
            assert_eq!(values.receiver().unwrap().pop().unwrap(), (ROUNDS * (ROUNDS - 1) / 2).to_le_bytes());
        }
        ["insist", domain] => {
            let service = side(domain, "sandboxed");
            let refused = service("service").barrier(Barrier::Asymmetric).bind();
            assert!(
                matches!(&refused, Err(BindError::Attach(error)) if matches!(error.kind(), AttachErrorKind::NoMembarrier)),
                "{refused:?}"
            );
            // That was this side; a client that specifies nothing is served.
            assert!(service("service").bind().is_ok());
            say("refused");
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

const ROUNDS: u64 = 50;

#[test]
fn sides_that_may_not_use_membarrier_are_served_and_serve() {
    private_namespace();
    let before = kernel_objects();
    if barrier::register().is_err() {
        return common::skip(common::Need::Membarrier, "no process can have less of it");
    }
    for server in ["usual", "sandboxed", "with fences"] {
        for client in ["usual", "sandboxed", "with fences"] {
            let domain = unique("barrier");
            let mut serving = Role::start("serve", &[&domain, server]);
            assert_eq!(serving.hear(), "bound", "{server} server");
            // Ends badly when it is refused.
            Role::start("ask", &[&domain, client]).finish();
            serving.finish();
        }
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn no_side_insists_on_a_barrier_it_may_not_use() {
    private_namespace();
    let mut insisting = Role::start("insist", &[&unique("barrier-insist")]);
    assert_eq!(insisting.hear(), "refused");
    insisting.finish();
}
