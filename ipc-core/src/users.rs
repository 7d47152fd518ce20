//! Users and groups as the kernel shows them: by the numbers of the caller's user namespace, and by a single
//! number for all users without a number there.

use std::fs;

use nix::unistd::geteuid;

use crate::permissions::Permissions;

/// Which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    Users,
    Groups,
}

/// The number shown for those, unless the administrator chose another.
const OVERFLOW: u32 = 65534;

/// Whether this number stands for all users that the caller's user namespace does not map. In a namespace
/// that maps all numbers, as the initial one does, it stands for the one user or group that has it.
pub(crate) fn is_unmapped(ids: Ids, id: u32) -> bool {
    let (setting, map) = match ids {
        Ids::Users => ("/proc/sys/kernel/overflowuid", "/proc/self/uid_map"),
        Ids::Groups => ("/proc/sys/kernel/overflowgid", "/proc/self/gid_map"),
    };
    let overflow =
        fs::read_to_string(setting).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(OVERFLOW);
    // Where the map cannot be read, it may stand for any of them.
    id == overflow && !fs::read_to_string(map).is_ok_and(|map| maps_all(&map))
}

/// Whether the counts of the lines, each "inside outside count", add up to all valid numbers: 2³² − 1, as the
/// last one is invalid.
fn maps_all(map: &str) -> bool {
    let counts =
        map.lines().map(|line| line.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok()));
    counts.map(|count| count.unwrap_or(0)).sum::<u64>() >= u64::from(u32::MAX)
}

/// Whether the caller is the creator or the owner, as the kernel compares them.
pub(crate) fn is_creator_or_owner(found: &Permissions) -> bool {
    let me = geteuid().as_raw();
    me == found.cuid() || me == found.uid()
}

/// Whether the caller may change and remove an object: as its creator or owner, or with CAP_SYS_ADMIN.
pub(crate) fn may_change(found: &Permissions) -> bool {
    /// Number of the bit in a set of capabilities.
    const CAP_SYS_ADMIN: u32 = 21;
    let effective = || {
        let status = fs::read_to_string("/proc/thread-self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    is_creator_or_owner(found) || effective().is_some_and(|bits| bits >> CAP_SYS_ADMIN & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_map_of_all_numbers_leaves_none_over() {
        assert!(maps_all("         0          0 4294967295\n"));
        assert!(maps_all("0 0 1000\n1000 1000 4294966295\n"));
        for map in ["", "0 1000 1\n", "0 100000 65536\n", "nonsense", "0 0 4294967294\n"] {
            assert!(!maps_all(map), "{map}");
        }
    }

    #[test]
    fn other_numbers_are_single_users() {
        for ids in [Ids::Users, Ids::Groups] {
            assert!(!is_unmapped(ids, 0));
            assert!(!is_unmapped(ids, 65533));
        }
    }
}
