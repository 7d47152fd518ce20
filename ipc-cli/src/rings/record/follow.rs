//! Which channels are recorded: those that were named, or all; those that are made anew under their names;
//! and what became of them.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use ipc_core::ErrorKind;
use ipc_ring::control::{ChannelInfo, Listing, NameInfo, Named};
use ipc_ring::observe::{DomainObserver, TapStart};
use ipc_ring::{AttachError, AttachErrorKind, Domain};

use super::form::{Form, TimeField};
use super::payloads::Payloads;
use super::source::Source;
use crate::cli::record::Record;
use crate::cli::rings::From;
use crate::exit::{Failure, USAGE};
use crate::rings::{domains, show};

/// Between two looks at the channels of the domains, and for domains that are new.
const LOOK: Duration = Duration::from_millis(100);
const SEARCH: Duration = Duration::from_secs(1);

/// The channels, and where they are.
pub(super) struct Following<'a> {
    asked: &'a Record,
    domains: Vec<DomainObserver>,
    pub(super) channels: Vec<Followed>,
    /// Those that cannot be recorded, by domain and name: their generation.
    refused: HashMap<(String, String), u64>,
    /// Domains that this process is a member of, because of a seat.
    joined: HashMap<String, Domain>,
    looked: Instant,
    searched: Instant,
}

/// A channel by its name, through all its generations.
pub(super) struct Followed {
    domain: DomainObserver,
    name: String,
    takes_seat: bool,
    /// What is read now.
    pub(super) open: Option<Open>,
    /// Its next generation, which is read when this one has been read to its end, and from where.
    next: Option<(NameInfo, TapStart)>,
    /// No process has it any more.
    is_over: bool,
    /// The generation that was read last, and whether messages could still come when it was closed.
    last: Option<(u64, bool)>,
}

/// A generation of a channel.
pub(super) struct Open {
    pub(super) source: Source,
    pub(super) time: Option<TimeField>,
    /// What its messages name in pools.
    pub(super) payloads: Option<Payloads>,
    /// Its number in the recording.
    pub(super) form: usize,
}

/// What is new.
pub(super) enum News {
    Opened(Box<Form>),
    Refused { domain: String, channel: String, reason: String },
    Over { domain: String, channel: String },
}

impl<'a> Following<'a> {
    /// Finds the channels.
    ///
    /// # Errors
    /// If one that was named is not there, or cannot be recorded.
    pub(super) fn begin(asked: &'a Record, news: &mut Vec<News>) -> Result<Following<'a>, Failure> {
        let now = Instant::now();
        let mut following = Following {
            asked,
            domains: Vec::new(),
            channels: Vec::new(),
            refused: HashMap::new(),
            joined: HashMap::new(),
            looked: now,
            searched: now,
        };
        let mut named = Vec::new();
        for name in &asked.channels {
            named.push((show::find_one(name, &asked.place)?, asked.seat.contains(name)));
        }
        for name in asked.seat.iter().filter(|name| !asked.channels.contains(name)) {
            named.push((show::find_one(name, &asked.place)?, true));
        }
        for ((domain, info), takes_seat) in named {
            following.follow(domain, info, takes_seat);
        }
        if asked.all {
            following.search()?;
        }
        let start = match asked.from {
            From::Oldest => TapStart::Oldest,
            From::Next => TapStart::Next,
        };
        for channel in &mut following.channels {
            channel.next = channel.next.take().map(|(info, _)| (info, start));
        }
        following.take_up(0, news);
        let refused = news.iter().find_map(|one| match one {
            News::Refused { channel, reason, .. } => Some(format!("{channel:?} is not recorded: {reason}")),
            _ => None,
        });
        match refused.filter(|_| !asked.all) {
            Some(reason) => Err(Failure::new(USAGE, reason)),
            None => Ok(following),
        }
    }

    fn follow(&mut self, domain: DomainObserver, info: NameInfo, takes_seat: bool) {
        let is_same = |one: &Followed| one.name == info.name && one.domain.name() == domain.name();
        if !self.channels.iter().any(is_same) {
            let name = info.name.clone();
            let (open, next, last) = (None, Some((info, TapStart::Oldest)), None);
            let is_over = false;
            self.channels.push(Followed { domain, name, takes_seat, open, next, is_over, last });
        }
    }

    /// Looks at the domains, if it is time; `forms` is the number of channels in the recording.
    ///
    /// # Errors
    /// If the domains cannot be listed.
    pub(super) fn look(&mut self, forms: usize, news: &mut Vec<News>) -> Result<(), Failure> {
        if self.looked.elapsed() >= LOOK {
            if self.asked.all && self.searched.elapsed() >= SEARCH {
                self.search()?;
            }
            self.look_at_all()?;
            self.looked = Instant::now();
        }
        self.take_up(forms, news);
        Ok(())
    }

    /// Whether there is nothing left to record.
    pub(super) fn is_over(&self) -> bool {
        !self.asked.all
            && self.channels.iter().all(|channel| channel.open.is_none() && channel.next.is_none())
    }

    /// Finds domains, and their channels.
    fn search(&mut self) -> Result<(), Failure> {
        self.searched = Instant::now();
        let found = match domains::find(&self.asked.place) {
            Ok(found) => found,
            // Named domains may be made later.
            Err(error) if error.code() == crate::exit::NOT_FOUND => Vec::new(),
            Err(error) => return Err(error),
        };
        for domain in found.into_iter().filter_map(|found| found.domain.ok()) {
            if !self.domains.iter().any(|known| known.name() == domain.name()) {
                self.domains.push(domain);
            }
        }
        self.look_at_all()
    }

    fn look_at_all(&mut self) -> Result<(), Failure> {
        let names = self.channels.iter().map(|channel| channel.domain.clone());
        let mut observers: Vec<DomainObserver> = self.domains.iter().cloned().chain(names).collect();
        observers.sort_by(|one, other| one.name().cmp(other.name()));
        observers.dedup_by(|one, other| one.name() == other.name());
        for domain in observers {
            match domain.list() {
                Ok(listing) => self.look_at(&domain, listing),
                // The last member has left, and the domain went.
                Err(error) if is_gone(&error) => self.leave(&domain),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Another domain of this name may have taken its place, or will be found.
    fn leave(&mut self, gone: &DomainObserver) {
        self.domains.retain(|domain| domain.name() != gone.name());
        let anew = DomainObserver::open_of(gone.name(), gone.user()).ok();
        for channel in self.channels.iter_mut().filter(|channel| channel.domain.name() == gone.name()) {
            channel.is_over = true;
            if let Some(anew) = &anew {
                channel.domain = anew.clone();
            }
        }
    }

    fn look_at(&mut self, domain: &DomainObserver, listing: Listing) {
        let mut names: BTreeMap<String, NameInfo> =
            listing.names.into_iter().map(|info| (info.name.clone(), info)).collect();
        for channel in self.channels.iter_mut().filter(|channel| channel.domain.name() == domain.name()) {
            let found = names.remove(&channel.name).filter(is_held);
            channel.is_over = found.is_none();
            let is_refused = |info: &NameInfo| {
                let name = (domain.name().to_owned(), info.name.clone());
                self.refused.get(&name) == Some(&info.generation)
            };
            channel.next =
                found.filter(|info| !is_refused(info)).and_then(|info| channel.continues_with(info));
        }
        if !self.asked.all || !self.domains.iter().any(|known| known.name() == domain.name()) {
            return;
        }
        for (name, info) in names {
            let refused = self.refused.get(&(domain.name().to_owned(), name.clone()));
            if refused != Some(&info.generation) && is_held(&info) {
                let takes_seat = self.asked.seat.contains(&name);
                self.follow(domain.clone(), info, takes_seat);
            }
        }
    }

    /// Opens what is next where nothing is open.
    fn take_up(&mut self, mut forms: usize, news: &mut Vec<News>) {
        for channel in self.channels.iter_mut().filter(|channel| channel.open.is_none()) {
            let Some((info, start)) = channel.next.take() else { continue };
            let domain = &channel.domain;
            let opened = match &info.what {
                Named::Channel(shape) if channel.takes_seat => {
                    seat(&mut self.joined, domain, &info, shape, start).map(|source| (source, shape))
                }
                Named::Channel(shape) => {
                    Source::tap(domain, &info.name, shape, start).map(|source| (source, shape))
                }
                Named::Listener(_) => Err("it is a listener: its connections have no names".to_owned()),
                _ => Err("its header is invalid, or this user may not read it".to_owned()),
            };
            match opened {
                Ok((source, shape)) => {
                    let time = self.asked.time_field.as_deref();
                    let time = time.and_then(|path| TimeField::find(shape, path));
                    let form = Form::of(domain, &info, shape);
                    let payloads =
                        (!self.asked.without_payloads).then(|| Payloads::of(domain, shape, &form)).flatten();
                    news.push(News::Opened(Box::new(form)));
                    channel.open = Some(Open { source, time, payloads, form: forms });
                    (channel.is_over, channel.last) = (false, Some((info.generation, false)));
                    forms += 1;
                }
                Err(reason) => {
                    let (domain, channel) = (domain.name().to_owned(), info.name);
                    self.refused.insert((domain.clone(), channel.clone()), info.generation);
                    news.push(News::Refused { domain, channel, reason });
                }
            }
        }
    }
}

fn seat(
    joined: &mut HashMap<String, Domain>,
    domain: &DomainObserver,
    info: &NameInfo,
    shape: &ChannelInfo,
    start: TapStart,
) -> Result<Source, String> {
    if !shape.handles().is_empty() {
        let reason = "its messages are handles of blocks, which a recorder in the place of a receiver would not give back \
                      to their pool: it is recorded without a seat";
        return Err(reason.to_owned());
    }
    if !joined.contains_key(domain.name()) {
        let member = Domain::open(domain.name()).map_err(|error| error.to_string())?;
        joined.insert(domain.name().to_owned(), member);
    }
    Source::seat(&joined[domain.name()], &info.name, shape, start)
}

impl Followed {
    /// Whether this generation is to be read after what was read, and from where.
    fn continues_with(&self, info: NameInfo) -> Option<(NameInfo, TapStart)> {
        match self.last {
            Some((generation, may_return)) if generation == info.generation => {
                (self.open.is_none() && may_return).then_some((info, TapStart::Next))
            }
            _ => Some((info, TapStart::Oldest)),
        }
    }

    /// Nothing was read. Closes what will get no message any more; a tap that stayed would keep its memory.
    pub(super) fn is_quiet(&mut self, news: &mut Vec<News>) {
        if self.open.is_some() && (self.is_over || self.next.is_some()) {
            self.open = None;
            // Another process may still take an end of it.
            self.last = self.last.map(|(generation, _)| (generation, true));
            if self.next.is_none() {
                let (domain, channel) = (self.domain.name().to_owned(), self.name.clone());
                news.push(News::Over { domain, channel });
            }
        }
    }

    /// Reads no more of this generation.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn names(&self) -> (&str, &str) {
        (self.domain.name(), &self.name)
    }
}

fn is_gone(error: &AttachError) -> bool {
    match error.kind() {
        AttachErrorKind::System(error) => {
            matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound | ErrorKind::Invalid)
        }
        _ => false,
    }
}

/// Whether messages may still come: another living process has an end of it, or it outlives them.
fn is_held(info: &NameInfo) -> bool {
    let me = std::process::id();
    match &info.what {
        Named::Channel(channel) => {
            channel.is_persistent || channel.ends.iter().any(|end| end.is_alive && end.pid != me)
        }
        _ => true,
    }
}
