//! Waiting for the other process to come.

use std::thread::sleep;
use std::time::Duration;

use ipc_ring::PeerState;

/// Waits until the other end of a channel is attached; says once on stderr that it waits.
///
/// A channel lives as long as one of its ends. A producer that pushes a little and leaves before its consumer came
/// takes the messages with it; so it waits.
pub fn wait_for_the_other_end(peer: impl Fn() -> PeerState, whom: &str) {
    let mut said = false;
    while !matches!(peer(), PeerState::Alive { .. }) {
        if !said {
            eprintln!("waiting for {whom}");
            said = true;
        }
        sleep(Duration::from_millis(10));
    }
}
