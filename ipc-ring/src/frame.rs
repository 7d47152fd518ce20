//! Frames: the encoding of a control message. Pure: bytes in, values out.
//!
//! A frame is a header of 64 bytes and a body of up to 1280. `docs/layout.md` specifies both. Numbers are in
//! the machine's own byte order: a message queue does not leave the machine.
//!
//! A receiver checks in this order: length, magic, major version, checksum, length field, kind. Another
//! **major** version is refused. A newer **minor** one is accepted, and its additions after the known part of
//! a body are ignored.

use core::fmt;
use core::mem::offset_of;

use ipc_describe::Fnv;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

mod error;
mod kind;

pub use error::FrameError;
pub use kind::FrameKind;

/// The first four bytes of a frame, readable in a hex dump.
const MAGIC: u32 = u32::from_ne_bytes(*b"ipcc");
/// The version of frames that this library speaks. Other major versions are incompatible.
pub const MAJOR: u8 = 1;
/// Incremented when something is added that older versions may ignore.
pub const MINOR: u8 = 0;
/// Bytes of a header.
pub const HEADER_SIZE: usize = 64;
/// The longest body, in bytes.
pub const MAX_BODY: usize = 1280;

/// The header as it is sent.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    magic: u32,
    major: u8,
    minor: u8,
    kind: u16,
    flags: u32,
    length: u32,
    session: u64,
    sequence: u64,
    ack: u64,
    generation: u64,
    queue: i32,
    segment: i32,
    checksum: u32,
    reserved: u32,
}

const _: () = {
    assert!(size_of::<Header>() == HEADER_SIZE);
    assert!(offset_of!(Header, magic) == 0x00);
    assert!(offset_of!(Header, major) == 0x04);
    assert!(offset_of!(Header, minor) == 0x05);
    assert!(offset_of!(Header, kind) == 0x06);
    assert!(offset_of!(Header, flags) == 0x08);
    assert!(offset_of!(Header, length) == 0x0c);
    assert!(offset_of!(Header, session) == 0x10);
    assert!(offset_of!(Header, sequence) == 0x18);
    assert!(offset_of!(Header, ack) == 0x20);
    assert!(offset_of!(Header, generation) == 0x28);
    assert!(offset_of!(Header, queue) == 0x30);
    assert!(offset_of!(Header, segment) == 0x34);
    assert!(offset_of!(Header, checksum) == 0x38);
    assert!(offset_of!(Header, reserved) == 0x3c);
};

/// One control message.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its purpose.
    pub kind: FrameKind,
    /// The sender's minor version.
    pub minor: u8,
    /// The session it belongs to; 0 before there is one.
    pub session: u64,
    /// The number of frames its sender has sent in this session, including this one.
    pub sequence: u64,
    /// The `sequence` of the last frame its sender has received in this session; 0 for none.
    pub ack: u64,
    /// The generation of the listener or channel it is about.
    pub generation: u64,
    /// Identifier of the queue for answers, if the kind has one; otherwise 0.
    pub queue: i32,
    /// Identifier of a segment, if the kind has one; otherwise 0.
    pub segment: i32,
    /// The rest, depending on the kind.
    pub body: Vec<u8>,
}

impl Frame {
    /// A frame of this kind with a body, its other fields 0.
    ///
    /// # Panics
    /// If the body is longer than [`MAX_BODY`].
    #[must_use]
    pub fn new(kind: FrameKind, body: &[u8]) -> Self {
        assert!(body.len() <= MAX_BODY, "a frame's body has up to {MAX_BODY} bytes, not {}", body.len());
        Self {
            kind,
            minor: MINOR,
            session: 0,
            sequence: 0,
            ack: 0,
            generation: 0,
            queue: 0,
            segment: 0,
            body: body.to_vec(),
        }
    }

    /// The bytes of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut header = Header {
            magic: MAGIC,
            major: MAJOR,
            minor: self.minor,
            kind: self.kind as u16,
            flags: 0,
            length: self.body.len() as u32,
            session: self.session,
            sequence: self.sequence,
            ack: self.ack,
            generation: self.generation,
            queue: self.queue,
            segment: self.segment,
            checksum: 0,
            reserved: 0,
        };
        header.checksum = checksum(&header, &self.body);
        let mut bytes = Vec::with_capacity(HEADER_SIZE + self.body.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Decodes a frame.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order given in the module's documentation.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let wrong_length = FrameError::Length { found: bytes.len() };
        if bytes.len() > HEADER_SIZE + MAX_BODY {
            return Err(wrong_length);
        }
        let (header, body) = Header::read_from_prefix(bytes).map_err(|_| wrong_length)?;
        if header.magic != MAGIC {
            return Err(FrameError::Magic { found: header.magic });
        }
        if header.major != MAJOR {
            return Err(FrameError::Version { found: header.major, queue: header.queue });
        }
        if header.checksum != checksum(&header, body) {
            return Err(FrameError::Checksum);
        }
        if header.length as usize != body.len() {
            return Err(FrameError::BodyLength { found: body.len(), told: header.length });
        }
        let kind = FrameKind::from_raw(header.kind).ok_or(FrameError::Kind { found: header.kind })?;
        Ok(Self {
            kind,
            minor: header.minor,
            session: header.session,
            sequence: header.sequence,
            ack: header.ack,
            generation: header.generation,
            queue: header.queue,
            segment: header.segment,
            body: body.to_vec(),
        })
    }

    /// The body as a record of fixed size; additions of a newer version after it are ignored. `None` if the
    /// body is shorter.
    pub(crate) fn record<B: FromBytes + Immutable + KnownLayout>(&self) -> Option<B> {
        B::read_from_prefix(&self.body).ok().map(|(record, _)| record)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("session", &self.session)
            .field("sequence", &self.sequence)
            .field("ack", &self.ack)
            .field("generation", &self.generation)
            .field("body_length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The 128-bit FNV-1a hash of the frame with a checksum of 0, folded to 32 bits. It guards against accidents.
fn checksum(header: &Header, body: &[u8]) -> u32 {
    let mut hash = Fnv::new();
    hash.write(Header { checksum: 0, ..*header }.as_bytes());
    hash.write(body);
    let folded = hash.finish();
    (folded ^ (folded >> 32) ^ (folded >> 64) ^ (folded >> 96)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Header of a frame",
            &[
                ("magic", offset_of!(Header, magic)),
                ("major", offset_of!(Header, major)),
                ("minor", offset_of!(Header, minor)),
                ("kind", offset_of!(Header, kind)),
                ("flags", offset_of!(Header, flags)),
                ("length", offset_of!(Header, length)),
                ("session", offset_of!(Header, session)),
                ("sequence", offset_of!(Header, sequence)),
                ("ack", offset_of!(Header, ack)),
                ("generation", offset_of!(Header, generation)),
                ("queue", offset_of!(Header, queue)),
                ("segment", offset_of!(Header, segment)),
                ("checksum", offset_of!(Header, checksum)),
                ("reserved", offset_of!(Header, reserved)),
            ],
        );
    }

    fn some() -> Frame {
        Frame {
            session: 1,
            sequence: 2,
            ack: 3,
            generation: 4,
            queue: 5,
            segment: 6,
            ..Frame::new(FrameKind::User, b"hello")
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for kind in FrameKind::ALL {
            let frame = Frame { kind, ..some() };
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        // Offset of a byte, its wrong value, whether the checksum is made to fit, the start of the result.
        let wrong = [
            (0, 0xff, true, "Magic"),
            (offset_of!(Header, major), 9, true, "Version"),
            (offset_of!(Header, session), 9, false, "Checksum"),
            (offset_of!(Header, reserved), 1, false, "Checksum"),
            (HEADER_SIZE + 4, b'O', false, "Checksum"),
            (offset_of!(Header, length), 4, true, "BodyLength"),
            (offset_of!(Header, kind), 200, true, "Kind"),
        ];
        for (offset, value, fits, answer) in wrong {
            let mut bytes = some().encode();
            bytes[offset] = value;
            if fits {
                let (mut header, body) = Header::read_from_prefix(&bytes).unwrap();
                header.checksum = checksum(&header, body);
                bytes[..HEADER_SIZE].copy_from_slice(header.as_bytes());
            }
            let error = Frame::decode(&bytes).unwrap_err();
            let name = match error {
                FrameError::Length { .. } => "Length",
                FrameError::Magic { .. } => "Magic",
                FrameError::Version { .. } => "Version",
                FrameError::Checksum => "Checksum",
                FrameError::BodyLength { .. } => "BodyLength",
                FrameError::Kind { .. } => "Kind",
            };
            assert_eq!(name, answer, "byte {offset}: {error}");
            assert!(!error.to_string().is_empty());
        }
        let bytes = some().encode();
        assert_eq!(Frame::decode(&bytes[..63]), Err(FrameError::Length { found: 63 }));
        assert_eq!(Frame::decode(&bytes[..64]), Err(FrameError::Checksum));
        let long = vec![0; HEADER_SIZE + MAX_BODY + 1];
        assert_eq!(Frame::decode(&long), Err(FrameError::Length { found: long.len() }));
    }

    #[test]
    fn what_a_newer_minor_version_adds_is_ignored() {
        let mut frame = Frame::new(FrameKind::Bye, &[1, 0, 0, 0, 2, 0, 0, 0, 99]);
        frame.minor = MINOR + 1;
        let read = Frame::decode(&frame.encode()).unwrap();
        assert_eq!(read.record::<[u32; 2]>(), Some([1_u32.to_le(), 2_u32.to_le()]));
        assert_eq!(read.record::<[u32; 3]>(), None);
    }
}
