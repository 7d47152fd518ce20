//! What is to be replayed: found by reading the recording once, before anything is made or sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::recording::{Payloads, Recording, Shape, Topic};
use crate::cli::record::{Moment, Replay};
use crate::exit::{Failure, NOT_FOUND, REFUSED};
use crate::units::count;

/// Domain and name of a channel that is sent to.
pub(super) type Target = (String, String);

/// What a replay does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The channels, as they were recorded.
    pub(super) targets: BTreeMap<Target, Arc<Shape>>,
    /// The pools of their payloads: bytes of a block and number of blocks, of each class.
    pub(super) pools: BTreeMap<Target, Vec<(usize, u64)>>,
    /// The channels whose messages name payloads that were recorded: where their handles begin, and the pool
    /// of each.
    pub(super) handles: BTreeMap<Target, BTreeMap<usize, Target>>,
    /// Messages to send, once.
    pub(super) messages: u64,
    /// In nanoseconds since 1970: the first message, and the last one.
    pub(super) span: Option<(u64, u64)>,
    /// The range of times, the end excluded.
    begin: u64,
    end: u64,
    /// Why the recording could not be read to its end.
    pub(super) problem: Option<String>,
    /// Messages that are not replayed: recorded by other programs, and missed by the recorder.
    pub(super) foreign: u64,
    pub(super) missed_records: u64,
}

impl Plan {
    /// # Errors
    /// If there is nothing to replay, or a channel had messages of two types in the time that is asked for.
    pub(super) fn of(asked: &Replay) -> Result<Plan, Failure> {
        let mut recording = Recording::open(&asked.file)?;
        let mut plan = Plan { end: u64::MAX, ..Plan::default() };
        let mut is_first = true;
        let mut recorded = BTreeMap::new();
        while let Some(message) = recording.next()? {
            if std::mem::take(&mut is_first) {
                plan.begin = moment(asked.from, message.log_time).unwrap_or(0);
                plan.end = moment(asked.to, message.log_time).unwrap_or(u64::MAX);
            }
            let shape = match recording.topic(message.topic) {
                Topic::Channel { shape, .. } => shape,
                Topic::Payloads(payloads) => {
                    if plan.includes(asked, &payloads.channel, message.log_time) {
                        plan.add_payloads(asked, payloads);
                    }
                    continue;
                }
                Topic::Missed => {
                    plan.missed_records += 1;
                    continue;
                }
                Topic::Foreign => {
                    plan.foreign += 1;
                    continue;
                }
            };
            recorded.entry(shape.channel.clone()).or_insert(());
            if !plan.includes(asked, &shape.channel, message.log_time) {
                continue;
            }
            let target = target(asked, &shape.domain, &shape.channel);
            match plan.targets.get(&target) {
                None => {
                    plan.targets.insert(target, Arc::clone(shape));
                }
                Some(known) => same_type(known, shape)?,
            }
            plan.messages += 1;
            let (first, last) = plan.span.unwrap_or((message.log_time, message.log_time));
            plan.span = Some((first.min(message.log_time), last.max(message.log_time)));
        }
        plan.problem = recording.problem().map(str::to_owned);
        let names: Vec<_> = recorded.keys().map(|name| format!("{name:?}")).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        if let Some(missing) = asked.channels.iter().find(|name| !recorded.contains_key(*name)) {
            let reason =
                format!("the recording has no message of a channel {missing:?}; its channels: {has}");
            return Err(Failure::new(NOT_FOUND, reason));
        }
        if plan.messages == 0 {
            let others = match plan.foreign {
                0 => String::new(),
                foreign => {
                    format!("; {} not recorded by ipcr", count(foreign, "message was", "messages were"))
                }
            };
            let reason = format!("nothing to replay in that time; channels of the recording: {has}{others}");
            return Err(Failure::new(NOT_FOUND, reason));
        }
        Ok(plan)
    }

    /// Whether a message of this time belongs to the replay.
    pub(super) fn includes(&self, asked: &Replay, channel: &String, log_time: u64) -> bool {
        let is_asked = asked.channels.is_empty() || asked.channels.contains(channel);
        is_asked && log_time >= self.begin && log_time < self.end
    }

    fn add_payloads(&mut self, asked: &Replay, payloads: &Payloads) {
        let pool = target(asked, &payloads.domain, &payloads.pool);
        let channel = target(asked, &payloads.domain, &payloads.channel);
        self.handles.entry(channel).or_default().insert(payloads.offset, pool.clone());
        self.pools.entry(pool).or_insert_with(|| payloads.classes.clone());
    }

    /// The time between the first message and the last one.
    pub(super) fn length(&self) -> Duration {
        let (first, last) = self.span.unwrap_or_default();
        Duration::from_nanos(last - first)
    }
}

/// Where the messages of a recorded channel go, or the payloads of a pool.
pub(super) fn target(asked: &Replay, domain: &String, name: &String) -> Target {
    let renamed = asked.remap.iter().find(|(old, _)| old == name).map(|(_, new)| new);
    let domain = asked.domain.as_ref().unwrap_or(domain);
    (domain.clone(), renamed.unwrap_or(name).clone())
}

fn moment(asked: Option<Moment>, first: u64) -> Option<u64> {
    asked.map(|moment| match moment {
        Moment::After(since) => first.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        Moment::At(time) => time,
    })
}

/// A channel that was made anew while it was recorded may have another type then.
fn same_type(known: &Shape, other: &Shape) -> Result<(), Failure> {
    let is_same = known.kind == other.kind
        && known.size == other.size
        && known.fingerprint == other.fingerprint
        && known.text == other.text;
    if is_same {
        return Ok(());
    }
    let fields = known.description().zip(other.description());
    let difference = fields.and_then(|(known, other)| other.difference(&known));
    let difference = difference.map_or_else(String::new, |difference| format!(": {difference}"));
    let reason = format!(
        "nothing was replayed: the messages recorded of {:?} and {:?} have two types{difference}; --from, --to and CHANNEL pick \
         those of one",
        known.channel, other.channel
    );
    Err(Failure::new(REFUSED, reason))
}
