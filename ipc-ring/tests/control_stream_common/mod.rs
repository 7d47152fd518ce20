//! What the tests of connections as streams share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::time::Duration;

use ipc_ring::Domain;
use ipc_ring::control::{Builder, Connection, Listener};

use super::common::{Role, private_namespace, unique};

/// Bytes that each side sends in the crossing tests: many times what a ring holds.
pub const MUCH: usize = 1 << 20;

pub fn service(domain: &str) -> Builder {
    // Small rings, so that writers wait.
    Builder::new("stream")
        .domain(&Domain::open(domain).unwrap())
        .timeout(Duration::from_secs(60))
        .capacity(4096)
}

/// What a side sends: no two neighbouring bytes are equal, and no two sides send the same.
pub fn bytes_of(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|index| (index as u8).wrapping_mul(31).wrapping_add((index >> 8) as u8) ^ seed).collect()
}

/// A child in a role, and the connection to it.
pub fn with_child(role: &str) -> (Role, Connection, Listener) {
    private_namespace();
    let domain = unique("stream");
    let mut listener = service(&domain).bind().unwrap();
    let child = Role::start(role, &[&domain]);
    let connection = listener.accept().unwrap();
    (child, connection, listener)
}

/// Both sides in this process.
pub fn pair() -> (Connection, Connection, Listener) {
    private_namespace();
    another_pair()
}

/// As `pair`, in a test that has its namespace.
pub fn another_pair() -> (Connection, Connection, Listener) {
    let domain = unique("stream");
    let mut listener = service(&domain).bind().unwrap();
    let (here, there) = std::thread::scope(|scope| {
        let client = scope.spawn(|| service(&domain).connect().unwrap());
        (listener.accept().unwrap(), client.join().unwrap())
    });
    (here, there, listener)
}
