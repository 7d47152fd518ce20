//! Writing the header of a new ring.

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use zerocopy::IntoBytes as _;

use super::header::{FLAG_ASYMMETRIC, Header, READY};
use super::{Geometry, Kind, MAGIC, NAME_BYTES, VERSION, description};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;

/// What a creator writes into the header in addition to the geometry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) kind: Kind,
    pub(crate) barrier: Barrier,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) generation: u64,
    pub(crate) first_position: u64,
    pub(crate) name: &'a str,
    /// The text that describes the elements; empty if there is none.
    pub(crate) description: &'a str,
}

/// Writes a header and the description into fresh memory, `ready` last.
///
/// # Panics
/// When the region is smaller than a header, or than [`size_with`] the description.
pub(crate) fn write(region: &Region, geometry: &Geometry, slots_offset: usize, identity: Identity<'_>) {
    description::write(region, geometry.total_size(), identity.description);
    let mut name = [0; NAME_BYTES];
    let length = identity.name.len().min(NAME_BYTES);
    name[..length].copy_from_slice(&identity.name.as_bytes()[..length]);
    let (low, high) = identity.fingerprint.halves();
    let header = Header {
        magic: MAGIC,
        ready: 0,
        version: VERSION,
        kind: identity.kind as u32,
        flags: if identity.barrier == Barrier::Asymmetric { FLAG_ASYMMETRIC } else { 0 },
        total_size: geometry.total_size() as u64,
        capacity: geometry.capacity(),
        element_size: geometry.element_size() as u64,
        element_align: geometry.element_align() as u64,
        stride: geometry.stride() as u64,
        slots_offset: slots_offset as u64,
        fingerprint: [low, high],
        generation: identity.generation,
        first_position: identity.first_position,
        created_ns: crate::clock::wall_ns(),
        creator_pid: std::process::id(),
        creator_uid: nix::unistd::geteuid().as_raw(),
        name_length: length as u32,
        description_length: identity.description.len() as u32,
        name,
        open: 0,
        type_length: 0,
    };
    region.copy_in(0, header.as_bytes());
    let ready = region.half(offset_of!(Header, ready));
    // [R1] Release → the Acquire in `header::copy`: the header and the first words are written before.
    ready.store(READY, Ordering::Release);
}
