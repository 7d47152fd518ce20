//! Counters of a channel of any kind, read without taking part.

use ipc_ring::control::{ChannelInfo, NameInfo, Named};
use ipc_ring::observe::DomainObserver;
use ipc_ring::raw::Kind;
use ipc_ring::{AttachError, broadcast, bytes, mpmc, pool, spsc};

/// A channel attached read-only.
pub(super) enum Observer {
    Spsc(spsc::Observer),
    Bytes(bytes::Observer),
    Mpmc(mpmc::Observer),
    Broadcast(broadcast::Observer),
    Pool {
        domain: DomainObserver,
        name: String,
    },
    /// A kind that counts nothing.
    Silent,
}

/// What a channel has counted, at about one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Messages put in since the channel was made.
    pub(super) pushed: Option<u64>,
    /// Messages taken out; `None` where each goes to many.
    pub(super) popped: Option<u64>,
    /// Bytes put in and taken out, where the ring counts them itself: framing included.
    pub(super) bytes: Option<(u64, u64)>,
    /// Messages, or bytes of a ring of frames, that wait.
    pub(super) waiting: Option<u64>,
    /// The rest, by name.
    pub(super) others: Vec<(&'static str, u64)>,
}

/// A channel that holds more than this share of its capacity counts as nearly full.
pub(super) const NEARLY_FULL: f64 = 0.8;

/// Whether a consumer that far behind is about to lose messages, or to hold the channel up.
pub(super) fn is_late(behind: u64, capacity: u64) -> bool {
    behind > capacity / 2
}

impl Sample {
    /// One of the other counters.
    pub(super) fn counter(&self, name: &str) -> Option<u64> {
        self.others.iter().find(|(counter, _)| *counter == name).map(|(_, value)| *value)
    }

    /// How full a channel of this capacity is, from 0 to 1.
    pub(super) fn fill(&self, capacity: u64) -> Option<f64> {
        Some(self.waiting? as f64 / capacity.max(1) as f64)
    }
}

impl Observer {
    pub(super) fn open(
        domain: &DomainObserver,
        name: &str,
        channel: &ChannelInfo,
    ) -> Result<Observer, AttachError> {
        let is = |kind: Kind| channel.kind == kind as u32;
        Ok(if is(Kind::Spsc) {
            Observer::Spsc(spsc::Observer::open_in(domain, name)?)
        } else if is(Kind::Bytes) {
            Observer::Bytes(bytes::Observer::open_in(domain, name)?)
        } else if is(Kind::Mpmc) {
            Observer::Mpmc(mpmc::Observer::open_in(domain, name)?)
        } else if is(Kind::Broadcast) || is(Kind::BroadcastBytes) {
            Observer::Broadcast(broadcast::Observer::open_in(domain, name)?)
        } else if is(Kind::Pool) {
            Observer::Pool { domain: domain.clone(), name: name.to_owned() }
        } else {
            Observer::Silent
        })
    }

    pub(super) fn sample(&self) -> Sample {
        match self {
            Observer::Spsc(observer) => {
                let counters = observer.counters();
                Sample {
                    pushed: Some(counters.pushed),
                    popped: Some(counters.popped),
                    bytes: None,
                    waiting: Some(counters.waiting),
                    others: vec![
                        ("high_water", counters.high_water),
                        ("found_full", counters.found_full),
                        ("found_empty", counters.found_empty),
                        ("producer_wakes", counters.producer_wakes),
                        ("consumer_wakes", counters.consumer_wakes),
                    ],
                }
            }
            Observer::Bytes(observer) => {
                let counters = observer.counters();
                Sample {
                    pushed: Some(counters.frames_pushed),
                    popped: Some(counters.frames_popped),
                    bytes: Some((counters.bytes_pushed, counters.bytes_popped)),
                    waiting: Some(counters.bytes_pushed.saturating_sub(counters.bytes_popped)),
                    others: vec![
                        ("high_water", counters.high_water),
                        ("found_full", counters.found_full),
                        ("found_empty", counters.found_empty),
                        ("producer_wakes", counters.producer_wakes),
                        ("consumer_wakes", counters.consumer_wakes),
                    ],
                }
            }
            Observer::Mpmc(observer) => {
                let counters = observer.counters();
                Sample {
                    pushed: Some(counters.pushed),
                    popped: Some(counters.popped),
                    bytes: None,
                    waiting: Some(counters.waiting),
                    others: vec![
                        ("voided", counters.voided),
                        ("orphaned", counters.orphaned),
                        ("dead_letters", counters.dead_letters),
                        ("recovered", counters.recovered),
                    ],
                }
            }
            Observer::Broadcast(observer) => {
                let counters = observer.counters();
                Sample {
                    pushed: Some(counters.published),
                    popped: None,
                    bytes: None,
                    waiting: None,
                    others: vec![
                        ("subscribers", counters.subscribers),
                        ("missed", counters.missed),
                        ("dropped", counters.dropped),
                        ("found_full", counters.found_full),
                        ("high_water", counters.high_water),
                    ],
                }
            }
            Observer::Pool { domain, name } => match pool::Stats::read_in(domain, name) {
                Ok(stats) => Sample {
                    others: vec![
                        ("blocks", stats.classes.iter().map(|class| class.count).sum()),
                        ("blocks_in_use", stats.in_use()),
                        ("loans", stats.classes.iter().map(|class| class.loans).sum()),
                        ("exhausted", stats.classes.iter().map(|class| class.exhausted).sum()),
                        ("reclaimed", stats.classes.iter().map(|class| class.reclaimed).sum()),
                        ("lost", stats.classes.iter().map(|class| class.lost).sum()),
                    ],
                    ..Sample::default()
                },
                // Gone since it was listed.
                Err(_) => Sample::default(),
            },
            Observer::Silent => Sample::default(),
        }
    }

    /// How far each subscriber is behind, by the number of its process: messages, or bytes of a channel of
    /// frames. Empty for the kinds whose messages are taken by one consumer each.
    pub(super) fn behind(&self) -> Vec<(u32, u64)> {
        let Observer::Broadcast(observer) = self else { return Vec::new() };
        let subscribers = observer.subscribers().into_iter();
        subscribers.filter_map(|subscriber| Some((subscriber.pid, subscriber.behind?))).collect()
    }
}

/// What a counter means.
pub(super) fn meaning(counter: &str) -> &'static str {
    match counter {
        "pushed" => "messages put in since the channel was made",
        "popped" => "messages taken out",
        "waiting" => "put in and not yet taken out",
        "bytes_pushed" => "bytes put in, framing included",
        "bytes_popped" => "bytes taken out, framing included",
        "high_water" => "the most that was seen waiting, or that a subscriber was behind",
        "found_full" => {
            "times that the producer looked for room and found none; one that waits looks many times"
        }
        "found_empty" => "times that the consumer found nothing after it had found something",
        "producer_wakes" => "times that the producer woke the consumer",
        "consumer_wakes" => "times that the consumer woke the producer",
        "voided" => "slots whose producer died before it had put a message in",
        "orphaned" => "messages taken back from consumers that died, and delivered again",
        "dead_letters" => "messages given up after the last attempt",
        "recovered" => "seats of dead processes set free",
        "subscribers" => "subscribers in their seats",
        "missed" => "messages that subscribers were told they missed",
        "dropped" => "subscribers that died and were noticed",
        "blocks" => "blocks of all sizes",
        "blocks_in_use" => "blocks that are lent, on their way, or being read",
        "loans" => "blocks ever lent",
        "exhausted" => "times that no block of the size was free",
        "reclaimed" => "blocks that came back from dead processes",
        "lost" => "blocks whose handle was lost with its channel",
        _ => "",
    }
}

/// The channel behind a name.
pub(super) fn channel(info: &NameInfo) -> Option<&ChannelInfo> {
    match &info.what {
        Named::Channel(channel) => Some(channel),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_is_late_beyond_half_the_ring() {
        assert_eq!([4, 5].map(|behind| is_late(behind, 8)), [false, true]);
        assert_eq!([0, 1].map(|behind| is_late(behind, 1)), [false, true]);
    }

    #[test]
    fn a_share_is_of_the_capacity_and_a_hostile_capacity_of_0_has_one() {
        let sample = Sample { waiting: Some(6), others: vec![("missed", 7)], ..Sample::default() };
        assert_eq!((sample.fill(8), sample.fill(0)), (Some(0.75), Some(6.0)));
        assert_eq!((Sample::default().fill(8), sample.counter("missed")), (None, Some(7)));
        assert_eq!(sample.counter("dropped"), None);
    }
}
