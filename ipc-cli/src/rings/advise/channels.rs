//! The channels: their sizes against what they have held, wakes, and the processors of their ends.

use std::path::Path;
use std::time::Instant;

use ipc_ring::control::ChannelInfo;
use ipc_ring::raw::Kind;

use super::{Advice, processors};
use crate::cli::looking::Advise;
use crate::exit::{Failure, NOT_FOUND};
use crate::rings::domains;
use crate::rings::observe::{NEARLY_FULL, Observer, Sample, channel, is_late};
use crate::units::{bytes, count, scaled};

/// Rings below this are not worth making smaller: they fit into a cache.
const LARGE: u64 = 1 << 20;
/// A message that comes alone may as well wake its consumer; this many a second are better polled for.
const OFTEN: f64 = 10_000.0;

/// A channel and its counters at two moments.
struct Watched {
    domain: String,
    name: String,
    shape: ChannelInfo,
    observer: Observer,
    before: Sample,
    after: Sample,
    /// Subscribers that are more than half the ring behind.
    behind: Vec<(u32, u64)>,
}

/// All that were asked for.
pub(super) struct Seen {
    channels: Vec<Watched>,
    began: Instant,
    seconds: f64,
    unreadable: Vec<Advice>,
}

impl Seen {
    pub(super) fn look(asked: &Advise) -> Result<Seen, Failure> {
        let (mut channels, mut unreadable) = (Vec::new(), Vec::new());
        for found in domains::find(&asked.place)? {
            let listed = found.domain.and_then(|domain| match domain.list() {
                Ok(listing) => Ok((domain, listing)),
                // Gone since it was found, perhaps.
                Err(error) => Err(error.to_string()),
            });
            let (domain, listing) = match listed {
                Ok(listed) => listed,
                Err(why) => {
                    unreadable.push(Advice::unknown("domain", format!("{:?}: {why}", found.name)));
                    continue;
                }
            };
            for info in listing.names {
                let Some(shape) = channel(&info) else { continue };
                if asked.channel.as_ref().is_some_and(|name| *name != info.name) {
                    continue;
                }
                match Observer::open(&domain, &info.name, shape) {
                    Ok(observer) => {
                        let before = observer.sample();
                        channels.push(Watched {
                            domain: found.name.clone(),
                            name: info.name.clone(),
                            shape: shape.clone(),
                            observer,
                            after: before.clone(),
                            before,
                            behind: Vec::new(),
                        });
                    }
                    Err(error) => {
                        unreadable.push(of(
                            &found.name,
                            &info.name,
                            Advice::unknown("channel", error.to_string()),
                        ));
                    }
                }
            }
        }
        if let Some(name) = asked.channel.as_ref().filter(|_| channels.is_empty() && unreadable.is_empty()) {
            return Err(Failure::new(
                NOT_FOUND,
                format!("there is no channel {name:?}; `ipcr ls` lists what there is"),
            ));
        }
        Ok(Seen { channels, began: Instant::now(), seconds: 0.0, unreadable })
    }

    /// Takes the second sample.
    pub(super) fn look_again(&mut self) {
        self.seconds = self.began.elapsed().as_secs_f64().max(1e-6);
        for channel in &mut self.channels {
            channel.after = channel.observer.sample();
            let behind = channel.observer.behind().into_iter();
            channel.behind = behind.filter(|(_, behind)| is_late(*behind, channel.shape.capacity)).collect();
        }
    }

    /// Bytes of each channel.
    pub(super) fn sizes(&self) -> Vec<u64> {
        self.channels.iter().map(|channel| channel.shape.bytes).collect()
    }

    pub(super) fn advice(self, root: &Path) -> Vec<Advice> {
        let mut all = self.unreadable;
        for channel in &self.channels {
            let mut found: Vec<Advice> =
                [size(channel), missed(channel), wakes(channel, self.seconds), pinned(channel, root)]
                    .into_iter()
                    .flatten()
                    .collect();
            if found.is_empty() {
                found.push(Advice::ok("channel", "its size, wakes and processors are as they should be"));
            }
            all.extend(found.into_iter().map(|advice| of(&channel.domain, &channel.name, advice)));
        }
        all
    }
}

fn of(domain: &str, channel: &str, advice: Advice) -> Advice {
    Advice { domain: Some(domain.to_owned()), channel: Some(channel.to_owned()), ..advice }
}

impl Watched {
    fn grew(&self, name: &str) -> Option<u64> {
        Some(self.after.counter(name)?.saturating_sub(self.before.counter(name)?))
    }

    fn held(&self, amount: u64) -> String {
        let in_bytes = [Kind::Bytes, Kind::BroadcastBytes].iter().any(|kind| self.shape.kind == *kind as u32);
        if in_bytes { bytes(amount) } else { count(amount, "message", "messages") }
    }

    fn hz(&self) -> String {
        format!("ipcr hz {} --domain {}", quoted(&self.name), quoted(&self.domain))
    }

    fn show(&self) -> String {
        format!("ipcr show {} --domain {}", quoted(&self.name), quoted(&self.domain))
    }
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The capacity against what the channel has held.
fn size(channel: &Watched) -> Option<Advice> {
    let capacity = channel.shape.capacity;
    let is_full = |sample: &&Sample| sample.fill(capacity).is_some_and(|fill| fill > NEARLY_FULL);
    if [&channel.before, &channel.after].iter().all(is_full) {
        let waits = channel.after.waiting.unwrap_or(capacity);
        let evidence = format!(
            "at both looks it was nearly full: {} of {} wait",
            channel.held(waits),
            channel.held(capacity)
        );
        let advice =
            "look at the consumer: it is slower than the producer, which a larger ring does not help";
        return Some(Advice::new("channel", advice, evidence, channel.hz()));
    }
    // A many-to-many ring counts neither.
    let high = channel.after.counter("high_water")?;
    let found_full = channel.after.counter("found_full")?;
    if found_full > 0 && high >= capacity {
        let evidence = format!(
            "it holds {}, and the producer has found it full {}; it is not full now, so bursts are larger than the ring",
            channel.held(capacity),
            count(found_full, "time", "times")
        );
        let advice =
            format!("give the builder of the end that makes it capacity({})", capacity.saturating_mul(4));
        return Some(Advice::new("channel", &advice, evidence, channel.show()));
    }
    let has_gone_round = channel.after.pushed.is_some_and(|pushed| pushed > capacity.saturating_mul(4));
    // Lossy channels count none.
    if channel.shape.bytes > LARGE && high > 0 && high < capacity / 16 && has_gone_round {
        let evidence = format!(
            "it takes {}, and at most {} of {} were in use",
            bytes(channel.shape.bytes),
            channel.held(high),
            channel.held(capacity)
        );
        let smaller = high.saturating_mul(4).next_power_of_two();
        let advice = format!("a ring that stays in the cache is faster: capacity({smaller})");
        return Some(Advice::new("channel", &advice, evidence, channel.show()));
    }
    None
}

/// Subscribers that lose messages, or are about to.
fn missed(channel: &Watched) -> Option<Advice> {
    let missed = channel.grew("missed").filter(|missed| *missed > 0);
    if missed.is_none() && channel.behind.is_empty() {
        return None;
    }
    let mut evidence = Vec::new();
    evidence.extend(
        missed.map(|missed| format!("subscribers missed {} between the two looks", channel.held(missed))),
    );
    let behind = channel.behind.iter().map(|(pid, behind)| {
        format!(
            "process {pid} is {} of {} behind",
            channel.held(*behind),
            channel.held(channel.shape.capacity)
        )
    });
    evidence.extend(behind);
    let larger = channel.shape.capacity.saturating_mul(4);
    let advice = format!(
        "look at the subscriber; or capacity({larger}), or mode(Mode::Gated), which makes the publisher wait"
    );
    Some(Advice::new("channel", &advice, evidence.join("; "), channel.show()))
}

/// A system call for each message.
fn wakes(channel: &Watched, seconds: f64) -> Option<Advice> {
    let wakes = channel.grew("producer_wakes")? as f64;
    let pushed = channel.after.pushed?.saturating_sub(channel.before.pushed?) as f64;
    let rate = pushed / seconds;
    if rate < OFTEN || wakes < pushed / 2.0 {
        return None;
    }
    let evidence = format!(
        "{} came, and the producer woke the consumer {}: a system call for {:.0} % of the messages",
        scaled(rate, "/s"),
        scaled(wakes / seconds, "/s"),
        wakes / pushed * 100.0
    );
    let advice =
        "let the consumer poll, with wait(WaitStrategy::SpinYield), or push several messages at once";
    Some(Advice::new("channel", advice, evidence, channel.hz()))
}

/// Ends that can never run at the same time.
fn pinned(channel: &Watched, root: &Path) -> Option<Advice> {
    let mut pids: Vec<u32> =
        channel.shape.ends.iter().filter(|end| end.is_alive).map(|end| end.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    let cpu = processors::shared(root, &pids)?;
    let named: Vec<String> = pids.iter().map(u32::to_string).collect();
    let evidence = format!("processes {} may run on processor {cpu} only", named.join(", "));
    let advice = "give its ends processors of their own: now each message waits for a switch between them";
    let command = format!("taskset -apc OTHER {}", pids.last()?);
    Some(Advice::new("channel", advice, evidence, command))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ipc_ring::Fingerprint;

    use super::*;

    /// Counters that both looks found.
    fn sample(waiting: Option<u64>, pushed: u64, others: &[(&'static str, u64)]) -> Sample {
        Sample { waiting, pushed: Some(pushed), others: others.to_vec(), ..Sample::default() }
    }

    /// A ring of 1600 messages.
    fn watched(before: Sample, after: Sample) -> Watched {
        let shape = ChannelInfo {
            kind: Kind::Spsc as u32,
            capacity: 1600,
            element_size: 8,
            element_align: 8,
            fingerprint: Fingerprint::of::<u64>(),
            type_name: None,
            bytes: LARGE + 1,
            created: SystemTime::UNIX_EPOCH,
            is_persistent: false,
            ends: Vec::new(),
            description: None,
        };
        let (domain, name) = ("a domain".to_owned(), "it's".to_owned());
        Watched { domain, name, shape, observer: Observer::Silent, before, after, behind: Vec::new() }
    }

    fn said(advice: Option<Advice>) -> String {
        let advice = advice.expect("advice");
        assert_eq!(advice.state, "advice");
        format!("{}: {}", advice.evidence, advice.advice.expect("what to do"))
    }

    #[test]
    fn a_ring_that_is_nearly_full_at_both_looks_has_a_slow_consumer() {
        let of = |before, after| {
            let of = |waiting| sample(Some(waiting), 0, &[("high_water", 0), ("found_full", 0)]);
            size(&watched(of(before), of(after)))
        };
        assert!(said(of(1281, 1600)).contains("1600 messages of 1600 messages wait: look at the consumer"));
        for (before, after) in [(1280, 1600), (1600, 1280)] {
            assert_eq!(of(before, after), None, "{before} {after}");
        }
    }

    #[test]
    fn a_ring_that_was_found_full_is_made_larger() {
        let of = |high, full| {
            let of = sample(Some(0), 0, &[("high_water", high), ("found_full", full)]);
            size(&watched(of.clone(), of))
        };
        let found = said(of(1600, 1));
        assert!(found.contains("found it full 1 time") && found.contains("capacity(6400)"), "{found}");
        for (high, full) in [(1599, 1), (1600, 0)] {
            assert_eq!(of(high, full), None, "{high} {full}");
        }
    }

    #[test]
    fn a_large_ring_that_was_hardly_used_is_made_smaller() {
        let of = |bytes, high, pushed| {
            let of = sample(Some(0), pushed, &[("high_water", high), ("found_full", 0)]);
            let mut channel = watched(of.clone(), of);
            channel.shape.bytes = bytes;
            size(&channel)
        };
        assert!(said(of(LARGE + 1, 99, 6401)).contains("at most 99 messages of 1600 messages were in use"));
        assert!(said(of(LARGE + 1, 99, 6401)).contains("capacity(512)"));
        for (bytes, high, pushed) in
            [(LARGE, 99, 6401), (LARGE + 1, 100, 6401), (LARGE + 1, 0, 6401), (LARGE + 1, 99, 6400)]
        {
            assert_eq!(of(bytes, high, pushed), None, "{bytes} {high} {pushed}");
        }
    }

    #[test]
    fn subscribers_that_miss_or_lag_are_named_and_those_that_missed_before_are_not() {
        let of = |before, after, behind: &[(u32, u64)]| {
            let of = |count| sample(None, 0, &[("missed", count)]);
            missed(&Watched { behind: behind.to_vec(), ..watched(of(before), of(after)) })
        };
        assert_eq!(of(7, 7, &[]), None);
        let found = said(of(7, 8, &[(42, 801)]));
        assert!(found.contains("missed 1 message between"), "{found}");
        assert!(found.contains("process 42 is 801 messages of 1600 messages behind"), "{found}");
        assert!(said(of(7, 7, &[(42, 801)])).starts_with("process 42") && of(7, 8, &[]).is_some());
    }

    #[test]
    fn a_wake_for_every_other_message_is_too_many_where_they_come_often() {
        let of = |pushed: u64, woken: u64, seconds| {
            let of = |pushed, woken| sample(Some(0), pushed, &[("producer_wakes", woken)]);
            wakes(&watched(of(5, 3), of(5 + pushed, 3 + woken)), seconds)
        };
        let found = said(of(20_000, 10_000, 2.0));
        assert!(found.starts_with("10 k/s came, and the producer woke the consumer 5 k/s"), "{found}");
        assert!(found.contains("50 % of the messages"), "{found}");
        for (pushed, woken, seconds) in [(20_000, 9_999, 2.0), (19_999, 19_999, 2.0), (20_000, 20_000, 2.1)] {
            assert_eq!(of(pushed, woken, seconds), None, "{pushed} {woken} {seconds}");
        }
    }

    #[test]
    fn a_command_can_be_given_to_a_shell() {
        let channel = watched(Sample::default(), Sample::default());
        assert_eq!(channel.show(), r"ipcr show 'it'\''s' --domain 'a domain'");
        assert_eq!(quoted("arm.pose-1/x_2"), "arm.pose-1/x_2");
    }
}
