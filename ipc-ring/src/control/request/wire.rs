//! The 24 bytes in front of each request and each answer. Specified in `docs/layout.md`.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer is expected.
    Request,
    /// No answer is expected.
    OneWay,
    /// A part of an answer; more parts follow.
    Part,
    /// An answer, or the last part of one.
    Reply,
    /// A failure instead of an answer, with a number that gives the reason.
    Failure,
    /// The client does not want the answer any more.
    Cancel,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Request, Kind::OneWay, Kind::Part, Kind::Reply, Kind::Failure, Kind::Cancel];

    fn to_raw(self) -> u32 {
        match self {
            Kind::Request => 1,
            Kind::OneWay => 2,
            Kind::Part => 3,
            Kind::Reply => 4,
            Kind::Failure => 5,
            Kind::Cancel => 6,
        }
    }
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Raw {
    id: u64,
    deadline_ns: u64,
    kind: u32,
    code: u32,
}

/// Bytes in front of a body.
pub(super) const SIZE: usize = 24;

const _: () = {
    assert!(size_of::<Raw>() == SIZE);
    assert!(offset_of!(Raw, id) == 0x00);
    assert!(offset_of!(Raw, deadline_ns) == 0x08);
    assert!(offset_of!(Raw, kind) == 0x10);
    assert!(offset_of!(Raw, code) == 0x14);
};

/// The head in front of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) id: u64,
    /// In nanoseconds of the machine's monotonic clock; 0: none.
    pub(super) deadline_ns: u64,
    /// The number of a failure.
    pub(super) code: u32,
}

impl Head {
    pub(super) fn new(kind: Kind, id: u64) -> Self {
        Self { kind, id, deadline_ns: 0, code: 0 }
    }

    /// Replaces the contents of `out` by head and body.
    pub(super) fn write(self, body: &[u8], out: &mut Vec<u8>) {
        let raw =
            Raw { id: self.id, deadline_ns: self.deadline_ns, kind: self.kind.to_raw(), code: self.code };
        out.clear();
        out.extend_from_slice(raw.as_bytes());
        out.extend_from_slice(body);
    }

    /// The head and the body of a message; `None` when the message is invalid.
    pub(super) fn read(message: &[u8]) -> Option<(Self, &[u8])> {
        let (raw, body) = Raw::read_from_prefix(message).ok()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.to_raw() == raw.kind)?;
        Some((Self { kind, id: raw.id, deadline_ns: raw.deadline_ns, code: raw.code }, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Head of a request",
            &[
                ("id", offset_of!(Raw, id)),
                ("deadline_ns", offset_of!(Raw, deadline_ns)),
                ("kind", offset_of!(Raw, kind)),
                ("code", offset_of!(Raw, code)),
            ],
        );
    }

    #[test]
    fn heads_come_back_and_nonsense_does_not() {
        let mut bytes = vec![9; 3];
        for kind in Kind::ALL {
            let head = Head { kind, id: 7, deadline_ns: 8, code: 9 };
            head.write(b"body", &mut bytes);
            assert_eq!(Head::read(&bytes), Some((head, &b"body"[..])));
        }
        assert_eq!(Head::read(&bytes[..23]), None);
        bytes[0x10] = 77;
        assert_eq!(Head::read(&bytes), None);
    }
}
