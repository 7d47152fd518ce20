//! The bodies of the handshake's frames. Specified in `docs/layout.md`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::control::reason::Reason;

/// A value that only the two parties know, or one that distinguishes one attempt from another.
pub(crate) type Secret = [u64; 2];

/// The body of HELLO. The reply queue and the segment of the ring to the server are in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Hello {
    /// Identifies this attempt.
    pub(crate) nonce: Secret,
    /// The client's identity in the domain.
    pub(crate) owner: u64,
    /// The features that the client offers.
    pub(crate) features: u64,
    /// Those of them that the client needs.
    pub(crate) needed: u64,
    /// The generation of the ring to the server.
    pub(crate) up_generation: u64,
    /// The generation of the ring to the client.
    pub(crate) down_generation: u64,
    /// The segment of the ring to the client.
    pub(crate) down_segment: i32,
    /// The wake semaphore to ring for the client.
    pub(crate) wake: u32,
}

/// The body of CHALLENGE, and of a WELCOME without a preceding CHALLENGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Challenge {
    /// The client's nonce.
    pub(crate) nonce: Secret,
    /// To be sent back.
    pub(crate) secret: Secret,
    /// The features that both offer.
    pub(crate) features: u64,
}

/// The body of REJECT and BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Verdict {
    /// The client's nonce.
    pub(crate) nonce: Secret,
    /// The detail of the reason.
    pub(crate) detail: u64,
    /// The reason's number.
    pub(crate) code: u32,
    pub(crate) reserved: u32,
}

impl Verdict {
    pub(crate) fn new(nonce: Secret, reason: Reason) -> Self {
        let (code, detail) = reason.to_raw();
        Self { nonce, detail, code, reserved: 0 }
    }

    pub(crate) fn reason(&self) -> Reason {
        Reason::from_raw(self.code, self.detail)
    }
}

const _: () = {
    assert!(size_of::<Hello>() == 64);
    assert!(size_of::<Challenge>() == 40);
    assert!(size_of::<Verdict>() == 32);
};

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "Body of HELLO",
            &[
                ("nonce", offset_of!(Hello, nonce)),
                ("owner", offset_of!(Hello, owner)),
                ("features", offset_of!(Hello, features)),
                ("needed", offset_of!(Hello, needed)),
                ("up_generation", offset_of!(Hello, up_generation)),
                ("down_generation", offset_of!(Hello, down_generation)),
                ("down_segment", offset_of!(Hello, down_segment)),
                ("wake", offset_of!(Hello, wake)),
            ],
        );
        assert_table(
            "Body of CHALLENGE",
            &[
                ("nonce", offset_of!(Challenge, nonce)),
                ("secret", offset_of!(Challenge, secret)),
                ("features", offset_of!(Challenge, features)),
            ],
        );
        assert_table(
            "Body of REJECT and BYE",
            &[
                ("nonce", offset_of!(Verdict, nonce)),
                ("detail", offset_of!(Verdict, detail)),
                ("code", offset_of!(Verdict, code)),
                ("reserved", offset_of!(Verdict, reserved)),
            ],
        );
    }
}
