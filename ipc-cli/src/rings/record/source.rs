//! Where the messages of a channel come from: a tap, which the channel does not know of, or a receiving seat
//! for channels that the user names.

use std::collections::HashMap;

use ipc_ring::broadcast::{Start, frames};
use ipc_ring::control::ChannelInfo;
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapRead, TapStart};
use ipc_ring::raw::Kind;
use ipc_ring::raw::{self, RawReceiver, ReceiveError};
use ipc_ring::{Domain, PopError, bytes, latest};

pub(super) enum Source {
    Tap(Box<Tap>),
    /// Of a table of values, with the number of the newest publication of each key.
    Values(Box<Tap>, HashMap<u32, u64>),
    Elements {
        end: RawReceiver,
        counted: u64,
    },
    Frames {
        end: Box<bytes::Consumer>,
        counted: u64,
    },
    PublishedFrames(Box<frames::Subscriber>),
}

/// What a look at a channel found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Message {
        sequence: u64,
        key: Option<u32>,
        /// Messages before it.
        missed: u64,
    },
    Missed(u64),
    Nothing,
    /// The stream has ended.
    Over,
}

impl Source {
    /// Reads along.
    ///
    /// # Errors
    /// Why not, and what can be done instead.
    pub(super) fn tap(
        domain: &DomainObserver,
        name: &str,
        channel: &ChannelInfo,
        start: TapStart,
    ) -> Result<Source, String> {
        let is = |kind: Kind| channel.kind == kind as u32;
        let source = |tap| match Box::new(tap) {
            tap if is(Kind::Latest) => Source::Values(tap, HashMap::new()),
            tap => Source::Tap(tap),
        };
        Tap::open(domain, name, start).map(source).map_err(|error| match error {
            TapError::Kind { .. } if is(Kind::Call) => {
                "a call channel has one line, which each request and each reply overwrites".to_owned()
            }
            TapError::Kind { .. } if is(Kind::Pool) => {
                "a pool has no messages: its blocks are recorded with the channels that have their handles"
                    .to_owned()
            }
            TapError::Unordered if is(Kind::Mpmc) => format!(
                "{error}; --seat {name} makes ipcr one of its consumers, and takes what it records away from \
                 the others"
            ),
            TapError::Unordered => format!("{error}; --seat {name} makes ipcr its consumer, if it has none"),
            error => error.to_string(),
        })
    }

    /// Takes a receiving seat.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn seat(
        domain: &Domain,
        name: &str,
        channel: &ChannelInfo,
        start: TapStart,
    ) -> Result<Source, String> {
        let is = |kind: Kind| channel.kind == kind as u32;
        let start = match start {
            TapStart::Oldest => Start::Oldest,
            _ => Start::Next,
        };
        let opened = if is(Kind::Bytes) {
            let end = bytes::Builder::new(name).domain(domain).open_receiver();
            end.map(|end| Source::Frames { end: Box::new(end), counted: 0 })
        } else if is(Kind::BroadcastBytes) {
            let end = frames::Builder::new(name).domain(domain).start(start).open_receiver();
            end.map(|end| Source::PublishedFrames(Box::new(end)))
        } else {
            let end = raw::Builder::new(name).domain(domain).start(start).open_receiver();
            end.map(|end| Source::Elements { end, counted: 0 })
        };
        opened.map_err(|error| error.to_string())
    }

    /// Copies the next message into `message`, replacing its contents.
    ///
    /// # Errors
    /// The channel cannot be read any further.
    pub(super) fn read(&mut self, message: &mut Vec<u8>) -> Result<Read, String> {
        match self {
            Source::Tap(tap) => match tap.try_read(message).map_err(|error| error.to_string())? {
                TapRead::Message { sequence, key } => Ok(Read::Message { sequence, key, missed: 0 }),
                TapRead::Missed { count } => Ok(Read::Missed(count)),
                TapRead::Nothing => Ok(Read::Nothing),
            },
            // Publications that were replaced before they were read.
            Source::Values(tap, newest) => match tap.try_read(message).map_err(|error| error.to_string())? {
                TapRead::Message { sequence, key } => {
                    let before = newest.insert(key.unwrap_or(0), sequence);
                    let missed = before.map_or(0, |before| sequence.saturating_sub(before.saturating_add(1)));
                    Ok(Read::Message { sequence, key, missed })
                }
                TapRead::Missed { count } => Ok(Read::Missed(count)),
                TapRead::Nothing => Ok(Read::Nothing),
            },
            Source::Elements { end, counted } => {
                message.clear();
                message.resize(end.element().size(), 0);
                match end.try_receive(message) {
                    Ok(got) => {
                        *counted += 1;
                        let sequence = got.sequence.unwrap_or(*counted - 1);
                        Ok(Read::Message { sequence, key: got.key, missed: 0 })
                    }
                    Err(ReceiveError::Pop(error)) => popped(&error),
                    // The writer is too fast for now, or there is none.
                    Err(ReceiveError::Read(error)) if error.is_retryable() => Ok(Read::Nothing),
                    Err(ReceiveError::Read(latest::ReadError::PeerGone(_))) => Ok(Read::Nothing),
                    Err(ReceiveError::Read(latest::ReadError::Closed)) => Ok(Read::Over),
                    Err(error) => Err(error.to_string()),
                }
            }
            Source::Frames { end, counted } => {
                message.clear();
                match end.try_pop_vec(message) {
                    Ok(_) => {
                        *counted += 1;
                        Ok(Read::Message { sequence: *counted - 1, key: None, missed: 0 })
                    }
                    Err(error) => popped(&error),
                }
            }
            Source::PublishedFrames(end) => {
                message.clear();
                let sequence = end.sequence();
                match end.try_pop_vec(message) {
                    Ok(_) => Ok(Read::Message { sequence, key: None, missed: 0 }),
                    Err(error) => popped(&error),
                }
            }
        }
    }
}

fn popped(error: &PopError) -> Result<Read, String> {
    match error {
        PopError::Empty | PopError::Busy { .. } | PopError::PeerGone(_) => Ok(Read::Nothing),
        PopError::Missed(gap) => Ok(Read::Missed(gap.count)),
        PopError::Closed => Ok(Read::Over),
        error => Err(error.to_string()),
    }
}
