//! Notifying watchers of a channel that an end came or went. Costs one load when there are no watchers.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::role::EndRole;
use crate::domain::{Member, Owner, Recipients};
use crate::frame::{Frame, FrameKind};

/// The first bytes of the body of each event: the end it is about, or its sender. Specified in
/// `docs/layout.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Subject {
    pub(crate) owner: u64,
    pub(crate) pid: u32,
    /// 1 producer, 2 consumer, 0 neither.
    pub(crate) role: u32,
}

impl Subject {
    /// The frame of an event about this, with what follows.
    pub(crate) fn frame(self, kind: FrameKind, generation: u64, more: &[u8]) -> Frame {
        let mut body = self.as_bytes().to_vec();
        body.extend_from_slice(more);
        Frame { generation, ..Frame::new(kind, &body) }
    }
}

/// Notifies the watchers of a channel's generation.
pub(super) fn notify_watchers(
    member: &Member,
    generation: u64,
    kind: FrameKind,
    role: EndRole,
    (owner, pid): (Owner, u32),
) {
    if !member.is_watched() {
        return;
    }
    let subject = Subject { owner: owner.as_raw(), pid, role: role.to_raw() };
    member.tell_watchers(generation, Recipients::All, &subject.frame(kind, generation, &[]).encode());
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Body of an event",
            &[
                ("owner", offset_of!(Subject, owner)),
                ("pid", offset_of!(Subject, pid)),
                ("role", offset_of!(Subject, role)),
            ],
        );
        assert_eq!(size_of::<Subject>(), 16);
    }
}
