//! A standalone ring whose barrier is membarrier registers the process that maps it, as its own half is no
//! instruction; where that is forbidden the ring is refused. One test: a process is registered once and for
//! all.

mod common;

use common::sandbox::forbid;
use ipc_ring::ring::{broadcast, bytes, call, latest, spsc};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Region};
use nix::libc;

const ASYMMETRIC: Barrier = Barrier::Asymmetric;
const GATED: broadcast::Mode = broadcast::Mode::Gated;

type Make = fn(Region) -> Result<(), AttachError>;

/// Every kind whose ring knows the barrier of its ends.
const KINDS: [(&str, Make); 6] = [
    ("spsc", |region| spsc::Mapped::<u64>::make(region, 1, ASYMMETRIC, 0).map(drop)),
    ("bytes", |region| bytes::Mapped::new(region, &bytes::Mapped::geometry(64)?, ASYMMETRIC).map(drop)),
    ("broadcast", |region| broadcast::Mapped::<u64>::make(region, 1, ASYMMETRIC, GATED, 0).map(drop)),
    ("frames", |region| broadcast::frames::Mapped::make(region, 64, ASYMMETRIC, GATED).map(drop)),
    ("latest", |region| latest::Mapped::<u64>::make(region, 1, ASYMMETRIC).map(drop)),
    ("call", |region| call::Mapped::<u64, u64>::make(region, ASYMMETRIC).map(drop)),
];

#[test]
fn a_ring_with_membarrier_registers_who_maps_it() {
    let region = || Region::heap(1 << 20);
    // Made here, opened there.
    let made = std::thread::spawn(move || {
        forbid(libc::SYS_membarrier);
        for (name, make) in KINDS {
            let answer = make(region());
            assert!(
                matches!(answer.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NoMembarrier)),
                "{name}: {answer:?}"
            );
        }
    });
    made.join().unwrap();
    for (name, make) in KINDS {
        make(region()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // It is registered: to be so again is no system call, and cannot be refused.
    forbid(libc::SYS_membarrier);
    ipc_core::barrier::register().unwrap();
}
