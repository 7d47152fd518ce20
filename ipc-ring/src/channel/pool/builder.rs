//! How a pool is made or found.

use std::time::Instant;

use ipc_core::shm::Size;

use super::header;
use super::inner::Found;
use super::member::Pool;
use crate::channel::Lifetime;
use crate::channel::barriers;
use crate::channel::open::{self, Access, Creation};
use crate::channel::settings::{Pages, whereabouts};
use crate::domain::layout::LISTENER;
use crate::domain::{DEFAULT_NAME, Domain, Entry, Locked};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Identity, Kind};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::ring::pool::{
    BLOCKS, C_COUNT, C_FIRST, C_OFFSET, C_SIZE, CLASS_SIZE, CLASSES, Handle, Mapped, Shape,
};

/// Options for creating and opening a pool.
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    domain: Option<Domain>,
    classes: Vec<(usize, u64)>,
    pages: Pages,
    barrier: Option<Barrier>,
    deadline: Option<Instant>,
}

/// The classes of [`Builder::usual_classes`]: 21 MiB, of which only what is used takes memory.
const USUAL: [(usize, u64); 4] = [(256, 1024), (4 << 10, 256), (64 << 10, 64), (1 << 20, 16)];

impl Builder {
    /// Options for the pool of this name: 1 to 120 bytes without a zero byte. Pools and channels share one
    /// space of names.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            domain: None,
            classes: Vec::new(),
            pages: Pages { kept_from_children: true, ..Pages::default() },
            barrier: None,
            deadline: None,
        }
    }

    /// The domain in which the name is looked up or entered. The default is the user's own.
    #[must_use]
    pub fn domain(mut self, domain: &Domain) -> Self {
        self.domain = Some(domain.clone());
        self
    }

    /// Deadline for opening to acquire the domain's lock, joining the user's own domain included; one in the
    /// past: only if the lock is free. The default is the domain's [patience](Domain::with_patience), counted
    /// from each call.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Adds a size class: `count` blocks of `size` bytes, which is rounded up to a multiple of 64 and is 64
    /// MiB at most. Up to 16 classes, each with larger blocks than the one before.
    ///
    /// The creator of the pool has to name its classes. An opener that names none takes the pool as it is,
    /// and makes none; one that names some insists on them.
    #[must_use]
    pub fn class(mut self, size: usize, count: u64) -> Self {
        self.classes.push((size, count));
        self
    }

    /// Adds 1024 blocks of 256 bytes, 256 of 4 KiB, 64 of 64 KiB and 16 of 1 MiB, as classes to insist on: 21
    /// MiB, of which only the used part takes memory.
    #[must_use]
    pub fn usual_classes(mut self) -> Self {
        self.classes.extend(USUAL);
        self
    }

    /// Lets the kernel supply all of the pool's memory now, so that no later access waits for it. Otherwise
    /// each page is supplied when it is first used.
    #[must_use]
    pub fn prefault(mut self, prefault: bool) -> Self {
        self.pages.prefault = prefault;
        self
    }

    /// Whether children that this process makes by `fork` from then on also have the pool's memory; by
    /// default they do not. Then a helper that outlives this process does not keep the pool, and a pointer
    /// into it is invalid there. With `true` a child keeps the memory until it ends, starts another program
    /// or drops what it inherited. Either way each call of an inherited pool, loan or view returns
    /// [`Forked`](crate::Forked).
    ///
    /// A process that has the pool open already keeps its earlier setting.
    #[doc(alias = "MADV_DONTFORK")]
    #[must_use]
    pub fn inherited(mut self, inherited: bool) -> Self {
        self.pages.kept_from_children = !inherited;
        self
    }

    /// Whether core dumps of this process include the pool; by default they do not. The other processes
    /// regard one that aborts as dead once its core is written, not before: with a pool of a gibibyte that
    /// takes seconds.
    #[must_use]
    pub fn dumped(mut self, dumped: bool) -> Self {
        self.pages.dumped = dumped;
        self
    }

    /// How [lenders](super::Lender) that sleep and processes that give blocks back synchronize. An opener
    /// that names a barrier insists on it, and gets [`Barrier`](crate::AttachErrorKind::Barrier) where
    /// another one was chosen; one that names none takes the pool as it is. A new pool has
    /// [`Barrier::Asymmetric`](crate::Barrier::Asymmetric) where the kernel has it, and
    /// [`Barrier::Fence`](crate::Barrier::Fence) elsewhere.
    #[must_use]
    pub fn barrier(mut self, barrier: Barrier) -> Self {
        self.barrier = Some(barrier);
        self
    }

    /// Makes the pool, or finds it. Without [classes](Self::class) it only finds it.
    ///
    /// # Errors
    /// [`AttachError`]: [`NotFound`](crate::AttachErrorKind::NotFound) when there is no pool and no class was
    /// named; [`BadClasses`](crate::AttachErrorKind::BadClasses);
    /// [`Classes`](crate::AttachErrorKind::Classes) when the pool found has others;
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when 32 processes have it open; or the kernel
    /// refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(&self) -> Result<Pool, AttachError> {
        self.attach(Creation::MakeOrFind)
    }

    /// Makes the pool, which must not exist yet.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists);
    /// [`BadClasses`](crate::AttachErrorKind::BadClasses) even when no class was named; and as
    /// [`create`](Self::create).
    pub fn create_new(&self) -> Result<Pool, AttachError> {
        self.attach(Creation::MustMake)
    }

    /// Finds the pool, which must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(&self) -> Result<Pool, AttachError> {
        self.attach(Creation::MustFind)
    }

    fn attach(&self, creation: Creation) -> Result<Pool, AttachError> {
        self.try_attach(creation).map_err(|error| {
            let domain = self.domain.as_ref().map_or(DEFAULT_NAME, Domain::name);
            error.of_a("pool").in_channel(&self.name).in_domain(domain).in_words("member", "blocks")
        })
    }

    fn try_attach(&self, creation: Creation) -> Result<Pool, AttachError> {
        let shape =
            |classes: &[_]| Shape::new(classes).map_err(|reason| AttachErrorKind::BadClasses { reason });
        let wanted = if self.classes.is_empty() { None } else { Some(shape(&self.classes)?) };
        open::find_or_make(
            &self.name,
            &whereabouts(self.domain.as_ref(), self.deadline)?,
            (creation, Lifetime::Ephemeral),
            |domain, entry| find(domain, entry, wanted.as_ref(), self.pages, self.barrier),
            |locked, domain| {
                // An opener without classes must not choose them for one that names some.
                match &wanted {
                    Some(wanted) => make(&self.name, locked, domain, wanted, (self.pages, self.barrier)),
                    None if creation == Creation::MustMake => Err(shape(&[]).expect_err("no class").into()),
                    None => Err(domain.no_channel(&self.name)),
                }
            },
            |locked, domain, found| Pool::take_seat(locked, domain, found).map(Some),
        )
    }
}

impl Pool {
    /// Makes the pool of this name in the user's own domain, with the usual classes, or finds it.
    ///
    /// # Errors
    /// As [`Builder::create`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).usual_classes().create()
    }

    /// As [`create`](Self::create), but the pool must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open()
    }
}

/// Attaches to a pool that exists.
fn find(
    domain: &Domain,
    entry: Entry,
    wanted: Option<&Shape>,
    pages: Pages,
    barrier: Option<Barrier>,
) -> Result<Found, AttachError> {
    is_memory(&entry)?;
    entry.segment.verify(Size::Any, domain.member().trust())?;
    let region = open::map(entry.segment.attach()?, pages)?;
    let (shape, found) = header::read(&region, entry.generation)?;
    if let Some(wanted) = wanted
        && *wanted != shape
    {
        return Err(AttachErrorKind::Classes { found: shape.as_asked(), expected: wanted.as_asked() }.into());
    }
    if let Some(expected) = barrier
        && expected != found
    {
        return Err(AttachErrorKind::Barrier { found, expected }.into());
    }
    if found == Barrier::Asymmetric && !domain.member().asymmetric() {
        return Err(AttachErrorKind::NoMembarrier.into());
    }
    Ok(Found { memory: Mapped::new(region, shape, entry.generation)?, barrier: found, entry })
}

/// An entry without memory is no pool.
fn is_memory(entry: &Entry) -> Result<(), AttachError> {
    if entry.kind == LISTENER {
        return Err(AttachErrorKind::Kind { found: entry.kind, expected: Kind::Pool as u32 }.into());
    }
    Ok(())
}

/// Makes a pool. Its segment is marked for removal at once, so that no death leaves it behind.
fn make(
    name: &str,
    locked: &Locked<'_>,
    domain: &Domain,
    shape: &Shape,
    (pages, barrier): (Pages, Option<Barrier>),
) -> Result<Found, AttachError> {
    use core::sync::atomic::Ordering::Relaxed;
    let barrier = barriers::chosen(domain.member(), barrier)?;
    let access = Access { mode: domain.member().mode(), also: None };
    let (segment, attached) = open::make_private(locked, shape.total_size, &access)?;
    let region = open::map(attached, pages)?;
    let generation = locked.next_generation();
    for (number, (class, offset)) in shape.classes.iter().zip(&shape.offsets).enumerate() {
        let words = [
            (C_SIZE, u64::from(class.size)),
            (C_COUNT, u64::from(class.count)),
            (C_FIRST, u64::from(class.first)),
            (C_OFFSET, *offset as u64),
        ];
        for (word, value) in words {
            let at = region.word(CLASSES + number * CLASS_SIZE + word);
            at.store(value, Relaxed); // Before the header's `ready`, [R1].
        }
    }
    let identity = Identity {
        kind: Kind::Pool,
        barrier,
        fingerprint: Fingerprint::of::<Handle>(),
        generation,
        first_position: 0,
        name,
        description: "",
    };
    layout::write(&region, &shape.geometry(), BLOCKS, identity);
    let entry = locked.enter(name, Kind::Pool as u32, segment, generation)?;
    Ok(Found { memory: Mapped::new(region, shape.clone(), generation)?, barrier, entry })
}
