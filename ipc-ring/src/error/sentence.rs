//! The text of an [`AttachError`]: the channel and its domain, what was found, what was expected, what to do.

use core::fmt::{Display, Formatter, Result};

use super::scene::{Creator, Scene};
use super::{AttachError, AttachErrorKind};
use crate::layout::{MAGIC, kind_name};
use crate::message::MAX_MESSAGE_SIZE;
use crate::ring::pool::MAX_CLASSES;

/// The subject of the error's sentence.
struct Subject<'a>(&'a Scene);

impl Display for Subject<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Scene { channel, domain, owner, noun, .. } = self.0;
        let noun = noun.unwrap_or("channel");
        match (channel, domain) {
            (Some(channel), Some(domain)) => write!(f, "{noun} {channel:?} in domain {domain:?}")?,
            (Some(channel), None) => write!(f, "{noun} {channel:?}")?,
            (None, Some(domain)) => write!(f, "domain {domain:?}")?,
            (None, None) => f.write_str("the ring")?,
        }
        match owner {
            Some(owner) if *owner != nix::unistd::geteuid().as_raw() => write!(f, " of user {owner}"),
            _ => Ok(()),
        }
    }
}

/// " by process 7" after a prefix, or nothing.
struct By(&'static str, Option<Creator>);

impl Display for By {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.1.map_or(Ok(()), |creator| write!(f, "{} by {creator}", self.0))
    }
}

/// `` type `Tick` ``, or a substitute if its name is not known.
struct Type<'a>(&'a str, Option<&'a String>);

impl Display for Type<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.0)?;
        self.1.map_or(Ok(()), |name| write!(f, " `{name}`"))
    }
}

fn kind(raw: u32) -> &'static str {
    kind_name(raw).unwrap_or("of a kind that this version does not know")
}

/// The module of this crate that has the ends of a kind, for the advice.
fn module(raw: u32) -> Option<&'static str> {
    Some(match kind_name(raw)? {
        "broadcast-bytes" => "ipc_ring::broadcast::frames",
        "listener" => "ipc_ring::connect",
        "spsc" => "ipc_ring::spsc",
        "bytes" => "ipc_ring::bytes",
        "mpmc" => "ipc_ring::mpmc",
        "broadcast" => "ipc_ring::broadcast",
        "latest" => "ipc_ring::latest",
        "call" => "ipc_ring::call",
        "pool" => "ipc_ring::pool",
        _ => return None,
    })
}

impl Display for AttachError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write(self, f)
    }
}

fn write(error: &AttachError, f: &mut Formatter<'_>) -> Result {
    use AttachErrorKind as K;

    let scene = error.scene();
    let (it, by, made_by) = (Subject(scene), By("", scene.creator), By(", made", scene.creator));
    let (end, unit) =
        (scene.end.unwrap_or("end"), scene.unit.map_or(String::new(), |unit| format!(" {unit}")));
    let types = scene.types.as_ref();
    let (theirs, ours) =
        (types.and_then(|types| types.found.as_ref()), types.and_then(|types| types.expected.as_ref()));
    match error.kind() {
        K::NotFound => {
            write!(f, "no {it}: start its creator first, or create it here")?;
            scene.elsewhere.as_ref().map_or(Ok(()), |elsewhere| write!(f, "; {elsewhere}"))
        }
        K::AlreadyExists => write!(
            f,
            "{it} exists already{made_by}, and a new one was asked for: open it, or choose another name"
        ),
        K::InvalidName { name, most } => {
            write!(f, "invalid name {name:?}")?;
            match (&scene.domain, &scene.channel) {
                (Some(domain), Some(_)) => write!(f, " for a channel in domain {domain:?}")?,
                (Some(_), None) => f.write_str(" for a domain")?,
                _ => {}
            }
            write!(f, ": must be 1 to {most} bytes and contain no NUL; choose another one")
        }
        K::EndTaken { pid } => {
            write!(f, "{it} has a living {end} already, process {pid}")?;
            if scene.is_held_here {
                f.write_str(" (this one)")?;
            }
            write!(f, ", and expects one at a time: drop that {end} or end its process first")
        }
        K::Closed => write!(
            f,
            "{it} is closed, where an open one was expected, and takes no new {end}: create the channel instead of opening it, and a new \
             one takes the name"
        ),
        K::NotARing { found } => write!(
            f,
            "{it} does not start like a ring: its first eight bytes are {found:#018x}, expected {MAGIC:#018x}; something else has been \
             written there: remove it (ipcrm -m) and create it again, or choose another name"
        ),
        K::ReadOnly => write!(
            f,
            "{it} is attached read-only, and each end stores into it: attach it for reading and writing, or open an observer or a watcher"
        ),
        K::TooSmall { found, needed } => write!(
            f,
            "{it} lies in memory of {found} bytes and needs {needed}: provide more, or remove it (ipcrm -m) and create it again"
        ),
        K::Version { found, expected } => write!(
            f,
            "{it} was made{by} with layout version {found}, and this program's ipc-ring expects version {expected}: build both programs \
             with the same version of ipc-ring"
        ),
        K::NotReady => write!(
            f,
            "{it} is not finished, where a finished one was expected; it is being made{by}, or its maker died: try again, or create it"
        ),
        K::Kind { found, expected } => {
            let name = if *expected == 0 { "a channel" } else { kind(*expected) };
            write!(f, "{it} is {}{made_by}, not {name} as asked for: ", kind(*found))?;
            match module(*found) {
                Some(module) => write!(f, "open it by {module}, or choose another name"),
                None => f.write_str(
                    "build both programs with the same version of ipc-ring, or choose another name",
                ),
            }
        }
        K::ElementSize { found, expected } => write!(
            f,
            "{it} was made{by} for elements of {} with {} bytes aligned to {}, and this end's {} has {} bytes aligned to {}: \
             declare the same type on both sides",
            Type(if theirs.is_some() { "type" } else { "another type," }, theirs),
            found.0,
            found.1,
            Type("type", ours),
            expected.0,
            expected.1
        ),
        K::ElementType { found, expected } => write!(
            f,
            "{it} was made{by} for elements of {} (fingerprint {found}), and this end's are of {} (fingerprint {expected}): \
             declare a type of the same name and size on both sides, or agree on a name with `type_name` or `described`",
            Type(if theirs.is_some() { "type" } else { "another type" }, theirs),
            Type("type", ours),
        ),
        K::Fields { difference } => write!(
            f,
            "{it} was made{by} for elements of {} that are not laid out as this end's {}: {difference}: declare the same fields on both \
             sides, or use another channel for the other type",
            Type("a type", theirs),
            Type("type", ours),
        ),
        K::Description { line, found, expected } => {
            let no_line = || "no such line".to_owned();
            let quote =
                |line: &Option<String>| line.as_ref().map_or_else(no_line, |line| format!("{line:?}"));
            write!(
                f,
                "{it} was made{by} with another description of its frames: line {line} is {}, and this end expects {}: describe them alike on \
                 both sides, or leave the description out here",
                quote(found),
                quote(expected)
            )
        }
        K::InvalidDescription { reason } => write!(
            f,
            "{it} carries a description of its elements that cannot be used: {reason}; canonical text is expected that agrees with the header: \
             it was overwritten; remove it (Domain::remove_channel) and create it again"
        ),
        K::NotDescribed => write!(
            f,
            "{it} was made{by} without a description of its elements, and this end expects one that begins with its {}: have the end that makes \
             it call `described`",
            Type("type", ours),
        ),
        K::Undescribable { problem } => write!(
            f,
            "{it} cannot be given the description asked for here: {problem}; a valid one is expected: change the type or its names, or leave the \
             description out"
        ),
        K::Unspecified { what } => write!(
            f,
            "{it} cannot be made: the end that makes it is expected to name its {what}, and this builder does not: call `kind`, and `element` or \
             `description`, of raw::Builder, or open the channel instead"
        ),
        K::Geometry { capacity, stride, total_size, memory } => write!(
            f,
            "{it} has a header of {capacity} slots of {stride} bytes, {total_size} bytes in all, in memory of {memory} bytes, and they are expected to \
             agree with each other and with the elements: it was overwritten; remove it (Domain::remove_channel) and create it again"
        ),
        K::Capacity { found, expected } => write!(
            f,
            "{it} was made{by} with a capacity of {found}{unit}, and this end asks for {expected}: ask for {found}, or for none to take it as \
             it is"
        ),
        K::Generation { found, expected } => {
            write!(
                f,
                "{it} is of generation {found}, expected {expected}: it was replaced meanwhile; open it again"
            )
        }
        K::SelfEviction => write!(
            f,
            "this process cannot evict itself from {it}, where another process was expected: drop its ends instead"
        ),
        K::KeyTaken { key } => {
            write!(f, "{it} is expected to lie under key {key:#010x}, where something else lies{made_by}: ")?;
            f.write_str("choose another name, or see what it is (ipcs -m) and remove it (ipcrm -M)")
        }
        K::NotKept => write!(
            f,
            "{it} cannot be persistent: kernel.shm_rmid_forced is 1 in this IPC namespace and would have to be 0, since the kernel removes \
             each segment at its last detach; as root: sysctl -w kernel.shm_rmid_forced=0, or make the channel Lifetime::Ephemeral"
        ),
        K::Mode { found, expected } => write!(
            f,
            "{it} was made {found}{by}, and this end asks for {expected}: ask for {found}, or for neither to take it as it is"
        ),
        K::Lifetime { found, expected } => write!(
            f,
            "{it} was made{by} as Lifetime::{found:?}, and this end asks for Lifetime::{expected:?}: ask for Lifetime::{found:?}, or for \
             none to take it as it is, or have the end where messages go in ask for Lifetime::{expected:?} as well"
        ),
        K::Barrier { found, expected } => write!(
            f,
            "{it} was made{by} with Barrier::{found:?}, and this end asks for Barrier::{expected:?}: ask for Barrier::{found:?}, or for \
             none to take it as it is, or have the end where messages go in ask for Barrier::{expected:?} as well"
        ),
        K::StalePosition { saved, channel } => write!(
            f,
            "{it} is of generation {channel}, and the position was saved in generation {saved}, which is gone: start at another place, such \
             as Start::Oldest"
        ),
        K::NoSuchPosition { sequence } => write!(
            f,
            "{it} has no message number {sequence} there, and never had: start at another place, such as Start::Oldest"
        ),
        K::TooLarge { element_size, .. } if *element_size > MAX_MESSAGE_SIZE => write!(
            f,
            "{it} cannot carry elements of {}: one has {element_size} bytes, and a slot holds {MAX_MESSAGE_SIZE} at most; send larger ones \
             through a pool",
            Type("this type", ours),
        ),
        K::TooLarge { capacity, most, .. } => write!(
            f,
            "{it} cannot have a capacity of {capacity}{unit}, asked for here: must be 1 to {most}; choose another capacity"
        ),
        K::BadClasses { reason } => write!(
            f,
            "{it} cannot have the size classes asked for: {reason}; choose up to {MAX_CLASSES} classes of up to 64 MiB, each with larger \
             blocks than the one before"
        ),
        K::Classes { found, expected } => write!(
            f,
            "{it} was made{by} with the size classes (bytes, blocks) {found:?}, and this call asks for {expected:?}: ask for the same, or for \
             none to take it as it is"
        ),
        K::DomainFull { what, limit } => write!(
            f,
            "{it} cannot be opened: there is room for {limit} {what}, all of them taken, and one more is needed: drop or end some that are not needed, or use \
             another channel or domain"
        ),
        K::LockTimeout { waited, holder } => {
            write!(f, "{it} cannot be used: the domain's lock could not be had within {waited:.1?}; ")?;
            match holder {
                Some(pid) => write!(f, "process {pid} took it last")?,
                None => f.write_str("a process that is not seen from here took it last")?,
            }
            f.write_str(
                ". Processes are expected to hold it for microseconds, so that one may be stopped or starved: let it go on, or end it",
            )
        }
        K::NotADomain { reason } => write!(
            f,
            "{it} cannot be used: the segment of the domain is not as this version of ipc-ring expects: {reason}; build all programs with \
             the same version, or choose another name for the domain"
        ),
        K::Corrupt(corruption) => write!(
            f,
            "{it} is corrupt: {corruption}, which the protocol never writes: close all its ends and create it again"
        ),
        K::NoMembarrier => write!(
            f,
            "{it} needs the membarrier system call, which the kernel refuses to this process: create it with Barrier::Fence, or allow the \
             call in this process's sandbox"
        ),
        K::UnknownClock => write!(
            f,
            "{it} cannot be used: the kernel does not tell by how much this process's clock differs from that of others, since it is in a \
             time namespace and has made another one for its children; open the domain before that, or in a child"
        ),
        K::Interrupted => {
            write!(f, "{it} was not opened: the wait was interrupted; call it again to go on waiting")
        }
        K::Forked => write!(
            f,
            "{it} was opened before a fork, and this handle belongs to the parent: open the channel again in the child"
        ),
        K::System(error) => {
            use ipc_core::ErrorKind::{NotFound, NotOwner, PermissionDenied, Removed, Untrusted};
            write!(f, "{it} cannot be used: {error}")?;
            match error.kind() {
                PermissionDenied | NotOwner | Untrusted => f.write_str(
                    "; it is another user's: both must join the same domain by Domain::open_shared, with a mode and a Trust that let each other in",
                ),
                Removed | NotFound => f.write_str("; its objects were removed meanwhile: open it again"),
                _ => Ok(()),
            }
        }
    }
}
