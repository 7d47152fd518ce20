//! Where the messages of a channel have handles of pools' blocks.

use core::ops::ControlFlow;

use ipc_describe::Description;

use super::discovery::ChannelInfo;
use crate::channel::broadcast::payloads;
use crate::message::Fingerprint;
use crate::pool::Handle;

/// The most handles of a message that are found.
const MOST: usize = 64;

/// A field of a channel's messages that is a [`Handle`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandleField {
    /// The path from the message to it, as of [`Leaf::path`](ipc_describe::Leaf::path); empty if the message
    /// is the handle.
    pub path: String,
    /// Where it begins, in bytes from the beginning of the message.
    pub offset: usize,
}

impl ChannelInfo {
    /// Where the messages have handles of blocks in pools, at most 64: the whole message, in channels of
    /// [`Handle`] and of [payloads](crate::broadcast::payloads), or fields that the
    /// [description](Self::descriptions) names. Handles in messages that are not described are not found.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_ring::control::Named;
    /// use ipc_ring::describe::Describe;
    /// use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
    /// use ipc_ring::{Domain, pool, spsc};
    ///
    /// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
    /// #[describe(name = "doc.Frame/1")]
    /// #[repr(C)]
    /// struct Frame { camera: u64, images: [pool::Handle; 2] }
    ///
    /// let domain = Domain::open("doc-example-handles")?;
    /// let producer = spsc::Builder::<Frame>::new("frames").domain(&domain).described().create_sender()?;
    /// let found = domain.look_up("frames")?.expect("just made");
    /// let Named::Channel(channel) = found.what else { panic!("a channel") };
    /// let fields: Vec<_> = channel.handles().into_iter().map(|field| (field.path, field.offset)).collect();
    /// assert_eq!(fields, [("images[0]".to_owned(), 8), ("images[1]".to_owned(), 32)]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn handles(&self) -> Vec<HandleField> {
        let is_whole = [self.element_size, self.element_align] == [size_of::<Handle>() as u64, 8]
            && (self.fingerprint == Fingerprint::of::<Handle>()
                || self.fingerprint == payloads::fingerprint());
        if is_whole {
            return vec![HandleField { path: String::new(), offset: 0 }];
        }
        match self.descriptions().as_deref() {
            Ok([description]) => handles_in(description),
            _ => Vec::new(),
        }
    }
}

fn handles_in(description: &Description) -> Vec<HandleField> {
    let Ok(handle) = Description::of::<Handle>() else { return Vec::new() };
    let mut found = Vec::new();
    let _ = description.for_each_of(handle.element(), |path, offset| {
        found.push(HandleField { path: path.to_owned(), offset: offset as usize });
        if found.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found
}
