//! What other tests have.

/// Error kinds that cannot be produced with a channel of this process, and the test that covers them.
pub const ELSEWHERE: [(&str, &str); 14] = [
    ("ReadOnly", "ring_memory"),
    ("TooSmall", "ring_memory"),
    ("SelfEviction", "evict"),
    ("Fields", "described"),
    ("Description", "described"),
    ("InvalidDescription", "described"),
    ("NotDescribed", "described"),
    ("Undescribable", "described"),
    ("Unspecified", "raw"),
    ("NotADomain", "a_domain_that_is_none"),
    ("NoMembarrier", "ring_barrier, control_barrier"),
    ("UnknownClock", "time_namespaces"),
    ("Forked", "processes"),
    ("Interrupted", "interrupt_control"),
];
