//! Suites of ipc-ring as modules of one program, which is linked once.
#![allow(clippy::duplicate_mod, reason = "what suites share belongs to each of them")]

// The rings by themselves.
#[path = "../../ipc-ring/tests/broadcast_ring.rs"]
mod broadcast_ring;
#[path = "../../ipc-ring/tests/bytes_ring.rs"]
mod bytes_ring;
#[path = "../../ipc-ring/tests/call_ring.rs"]
mod call_ring;
#[path = "../../ipc-ring/tests/first_positions.rs"]
mod first_positions;
#[path = "../../ipc-ring/tests/latest_ring.rs"]
mod latest_ring;
#[path = "../../ipc-ring/tests/mpmc_ring.rs"]
mod mpmc_ring;
#[path = "../../ipc-ring/tests/pool_ring.rs"]
mod pool_ring;
#[path = "../../ipc-ring/tests/ring_memory.rs"]
mod ring_memory;
#[path = "../../ipc-ring/tests/spsc_ring.rs"]
mod spsc_ring;

// Hostile memory.
#[path = "../../ipc-ring/tests/broadcast_hostile.rs"]
mod broadcast_hostile;
#[path = "../../ipc-ring/tests/bytes_hostile.rs"]
mod bytes_hostile;
#[path = "../../ipc-ring/tests/call_hostile.rs"]
mod call_hostile;
#[path = "../../ipc-ring/tests/latest_hostile.rs"]
mod latest_hostile;
#[path = "../../ipc-ring/tests/mpmc_hostile.rs"]
mod mpmc_hostile;
#[path = "../../ipc-ring/tests/pool_hostile.rs"]
mod pool_hostile;
#[path = "../../ipc-ring/tests/spsc_hostile.rs"]
mod spsc_hostile;

// Channels and the control layer between real processes, which are killed from outside.
#[path = "../../ipc-ring/tests/broadcast_books.rs"]
mod broadcast_books;
#[path = "../../ipc-ring/tests/bytes_stress.rs"]
mod bytes_stress;
#[path = "../../ipc-ring/tests/control_connecting.rs"]
mod control_connecting;
#[path = "../../ipc-ring/tests/control_request.rs"]
mod control_request;
#[path = "../../ipc-ring/tests/control_restart.rs"]
mod control_restart;
#[path = "../../ipc-ring/tests/control_session.rs"]
mod control_session;
#[path = "../../ipc-ring/tests/control_stream.rs"]
mod control_stream;
#[path = "../../ipc-ring/tests/control_stream_deaths.rs"]
mod control_stream_deaths;
#[path = "../../ipc-ring/tests/control_watch.rs"]
mod control_watch;
#[path = "../../ipc-ring/tests/domain_races.rs"]
mod domain_races;
#[path = "../../ipc-ring/tests/everybody_killed.rs"]
mod everybody_killed;
#[path = "../../ipc-ring/tests/evict.rs"]
mod evict;
#[path = "../../ipc-ring/tests/fork_inherited.rs"]
mod fork_inherited;
#[path = "../../ipc-ring/tests/kill_storm/main.rs"]
mod kill_storm;
#[path = "../../ipc-ring/tests/lifetime.rs"]
mod lifetime;
#[path = "../../ipc-ring/tests/many_sleepers.rs"]
mod many_sleepers;
#[path = "../../ipc-ring/tests/mpmc_stress.rs"]
mod mpmc_stress;
#[path = "../../ipc-ring/tests/mpmc_turns.rs"]
mod mpmc_turns;
#[path = "../../ipc-ring/tests/objects_removed.rs"]
mod objects_removed;
#[path = "../../ipc-ring/tests/parker.rs"]
mod parker;
#[path = "../../ipc-ring/tests/pool_channel.rs"]
mod pool_channel;
#[path = "../../ipc-ring/tests/pool_stress.rs"]
mod pool_stress;
#[path = "../../ipc-ring/tests/processes.rs"]
mod processes;
#[path = "../../ipc-ring/tests/spsc_channel.rs"]
mod spsc_channel;
#[path = "../../ipc-ring/tests/spsc_stress.rs"]
mod spsc_stress;
#[path = "../../ipc-ring/tests/successors.rs"]
mod successors;
#[path = "../../ipc-ring/tests/wait_set.rs"]
mod wait_set;
