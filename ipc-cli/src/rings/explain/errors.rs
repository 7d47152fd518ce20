//! What each error of opening a channel means, and what to do.

/// Errors of ipc-ring: name, meaning, what to do.
pub(super) const ERRORS: [(&str, &str, &str); 37] = [
    (
        "NotFound",
        "no channel of this name is in the domain",
        "`ipcr ls` lists what there is; is the other program up, in the same domain, of the same user, in the same IPC namespace?",
    ),
    (
        "AlreadyExists",
        "a channel of this name exists, and a new one was asked for",
        "open it, or look with `ipcr show NAME` who has it",
    ),
    (
        "EndTaken",
        "a live process holds this end; there can be one",
        "`ipcr show NAME` names the process; it may be an old instance that still runs",
    ),
    (
        "PeerGone",
        "the other end left, or its process died, without closing the channel",
        "what was pushed before can still be popped; start the other program again, it continues where the old one stopped",
    ),
    (
        "Closed",
        "the other end closed the channel: the stream has ended",
        "nothing is wrong; a new channel of the name can be made",
    ),
    (
        "TimedOut",
        "the deadline passed first",
        "`ipcr hz NAME` tells whether messages flow, `ipcr show NAME` whether the other end is alive",
    ),
    (
        "Full",
        "there is no room: the consumer is slower, stopped or gone",
        "`ipcr show NAME` tells whether a consumer is there and alive, and how often the ring was found full",
    ),
    (
        "Missed",
        "a lossy subscriber was a lap behind, and messages were overwritten",
        "it counts them exactly; a larger ring, a faster subscriber, or a gated channel",
    ),
    (
        "Corrupt",
        "a word of the shared memory is invalid: some process wrote over it",
        "the channel is of no use any more; look for the process that writes outside its own memory",
    ),
    (
        "LockTimeout",
        "another process held the domain's lock all the time, for seconds instead of microseconds",
        "a stopped process (state T) is the usual reason: `ps -o pid,stat,comm`; `ipcr sysv ls -s` names who waits",
    ),
    (
        "DomainFull",
        "the domain's tables of processes, channels or ends are full",
        "`ipcr ls` shows who has them; `ipcr doctor` tells how large a domain can be here",
    ),
    (
        "NotADomain",
        "another program's objects have the domain's key",
        "`ipcr sysv ls` shows the key and the owner",
    ),
    (
        "ElementType",
        "the two programs mean different types of message",
        "build both from the same definition; `ipcr show NAME` shows the fingerprint of the channel's",
    ),
    (
        "ElementSize",
        "the two programs mean messages of different size or alignment",
        "build both from the same definition",
    ),
    (
        "Fields",
        "both programs describe their messages, and the descriptions differ; the error names the first field",
        "build both from the same definition; `ipcr show NAME` shows the fields of the channel's",
    ),
    (
        "Description",
        "both programs say what is in the frames, and say different things",
        "have them say the same, or nothing; `ipcr show NAME` shows what the channel says",
    ),
    (
        "InvalidDescription",
        "what the channel says of its messages is no description of them: it was overwritten",
        "remove the channel; look for the process that writes outside its own memory",
    ),
    (
        "NotDescribed",
        "a reader of an older type needs a channel that describes its messages",
        "have the program that makes the channel call `described`",
    ),
    (
        "Undescribable",
        "the type that a program wants to describe has no valid description",
        "the error says why; change the type or its names",
    ),
    (
        "Unspecified",
        "an end without a type was to make a channel and did not name its kind and its elements",
        "name both, or open a channel that exists",
    ),
    ("Kind", "the channel is of another kind than was asked for", "`ipcr ls` shows its kind"),
    (
        "Capacity",
        "the channel has another number of slots than was asked for",
        "ask for the same, or leave it open; `ipcr ls` shows it",
    ),
    (
        "Version",
        "the channel was made by another version of the library",
        "run the same version on both sides; a persistent channel of an old one is removed by `ipcr gc --persistent`",
    ),
    (
        "NotReady",
        "the maker of the channel has not finished it, or died while making it",
        "try again; the next one to open it clears away what a dead maker left",
    ),
    (
        "KeyTaken",
        "the key of a persistent channel belongs to something else",
        "choose another name; `ipcr sysv ls` shows what has the key",
    ),
    (
        "NotKept",
        "kernel.shm_rmid_forced is set: the kernel would remove the persistent channel with its last user",
        "as root: sysctl -w kernel.shm_rmid_forced=0",
    ),
    (
        "Mode",
        "the broadcast channel treats slow subscribers otherwise than asked for: lossy, or gated",
        "ask for the same, or leave it open",
    ),
    (
        "Generation",
        "the memory is of another channel than the directory names: one was made anew meanwhile",
        "open it again",
    ),
    (
        "TooLarge",
        "the requested number of slots or bytes is zero, or more than a ring can have",
        "ask for a capacity within the bounds that the error names",
    ),
    (
        "Classes",
        "the pool has other sizes of blocks than were asked for",
        "ask for the same, or leave them open; `ipcr show NAME` shows the pool",
    ),
    (
        "NotARing",
        "the memory under the name is no ring: another program made it or wrote over it",
        "`ipcr sysv ls` shows whose it is",
    ),
    (
        "TooSmall",
        "the memory is smaller than its header says, or than a header",
        "the maker died early, or another program made it; `ipcr gc` tells what is left",
    ),
    (
        "NoMembarrier",
        "the channel relies on membarrier, which this process may not use",
        "allow the call in the sandbox, or have the maker use fences",
    ),
    (
        "Removed",
        "the object is gone, or its identifier names another one by now",
        "`ipcr sysv ls` shows what there is, `ipcr doctor` what removes objects here",
    ),
    (
        "LimitReached",
        "a limit of the kernel is reached; the error names it",
        "`ipcr sysv limits` shows all of them and how to raise them",
    ),
    ("Forked", "the end was opened by the process that this one was forked from", "open it in the child"),
    (
        "Untrusted",
        "the object's creator, owner or mode is not what was allowed",
        "`ipcr sysv show OBJECT` shows them; a stranger may have taken the key first",
    ),
];
