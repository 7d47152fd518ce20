//! What on this machine removes System V objects that programs mean to keep.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where systemd looks for its settings; an earlier directory hides files of the same name in later ones
/// (`logind.conf(5)`).
const DIRECTORIES: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// What threatens segments that are to outlive their users, each with a remedy. `root` is the root directory.
#[must_use]
pub fn threats(root: &Path) -> Vec<String> {
    [forced(root), at_logout(root)].into_iter().flatten().collect()
}

fn forced(root: &Path) -> Option<String> {
    let set = fs::read_to_string(root.join("proc/sys/kernel/shm_rmid_forced")).ok()?;
    (set.trim() != "0").then(|| {
        "kernel.shm_rmid_forced is set in this IPC namespace: the kernel removes a segment when its last user lets go, so no \
         persistent channel can be made; as root: sysctl -w kernel.shm_rmid_forced=0"
            .into()
    })
}

fn at_logout(root: &Path) -> Option<String> {
    let from = match remove_ipc(root) {
        Some((true, file)) => format!("set in /{file}"),
        // The default of logind, which runs where systemd does.
        None if root.join("run/systemd/system").is_dir() => "its default, as no file sets it".into(),
        _ => return None,
    };
    Some(format!(
        "RemoveIPC=yes ({from}): when the last session of an ordinary user ends, logind removes all objects of that user, those of \
         running programs and persistent channels too; set RemoveIPC=no in /etc/systemd/logind.conf.d/, or run services as \
         system users"
    ))
}

/// The setting in force and the file it is from.
fn remove_ipc(root: &Path) -> Option<(bool, String)> {
    let main = DIRECTORIES.iter().map(|directory| format!("{directory}/logind.conf"));
    let main = main.into_iter().find(|file| root.join(file).exists());
    // Sorted by name, regardless of the directory.
    let mut parts = BTreeMap::new();
    for directory in DIRECTORIES.iter().rev() {
        let directory = format!("{directory}/logind.conf.d");
        for entry in fs::read_dir(root.join(&directory)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".conf") {
                parts.insert(name.clone(), format!("{directory}/{name}"));
            }
        }
    }
    let files = main.into_iter().chain(parts.into_values());
    files.filter_map(|file| Some((setting(&fs::read_to_string(root.join(&file)).ok()?)?, file))).next_back()
}

/// The last `RemoveIPC=` of the section `[Login]`.
fn setting(text: &str) -> Option<bool> {
    let mut in_login = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_login = line == "[Login]";
        } else if in_login
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == "RemoveIPC"
        {
            found = match value.trim().to_ascii_lowercase().as_str() {
                "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
                "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
                _ => found, // systemd ignores what it cannot read.
            };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root directory with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("made");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a file's directory")).expect("made");
            fs::write(path, text).expect("written");
        }
        root
    }

    fn told(files: &[(&str, &str)]) -> String {
        threats(root(files).path()).join("\n")
    }

    #[test]
    fn forced_removal_is_told_with_its_remedy() {
        let text = told(&[("proc/sys/kernel/shm_rmid_forced", "1\n")]);
        assert!(text.contains("sysctl -w kernel.shm_rmid_forced=0"), "{text}");
        assert_eq!(told(&[("proc/sys/kernel/shm_rmid_forced", "0\n")]), "");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn removal_at_logout_is_told_with_the_file_that_sets_it() {
        let main = "etc/systemd/logind.conf";
        let text = told(&[(main, "[Login]\n#KillUserProcesses=no\nRemoveIPC=yes\n")]);
        assert!(text.contains("set in /etc/systemd/logind.conf)") && text.contains("RemoveIPC=no"), "{text}");
        assert_eq!(told(&[(main, "[Login]\nRemoveIPC=no\n")]), "");
        assert_eq!(told(&[(main, "[Login]\n#RemoveIPC=yes\n[Other]\nRemoveIPC=yes\n")]), "");
        // The default, if there is a logind at all.
        let running = ("run/systemd/system/some.service", "");
        assert!(told(&[running, (main, "[Login]\n#RemoveIPC=yes\n")]).contains("its default"));
        assert_eq!(told(&[running, (main, "[Login]\nRemoveIPC = off\n")]), "");
    }

    #[test]
    fn drop_ins_come_in_the_order_of_their_names_and_hide_each_other_by_directory() {
        let yes = "[Login]\nRemoveIPC=yes\n";
        let no = "[Login]\nRemoveIPC=no\n";
        let main = ("etc/systemd/logind.conf", yes);
        assert_eq!(told(&[main, ("usr/lib/systemd/logind.conf.d/50-server.conf", no)]), "");
        let text = told(&[
            main,
            ("usr/lib/systemd/logind.conf.d/50-server.conf", no),
            ("etc/systemd/logind.conf.d/60-ours.conf", yes),
        ]);
        assert!(text.contains("60-ours.conf"), "{text}");
        let hidden = [
            ("usr/lib/systemd/logind.conf.d/50-server.conf", yes),
            ("etc/systemd/logind.conf.d/50-server.conf", no),
        ];
        assert_eq!(told(&hidden), "");
        assert_eq!(told(&[main, ("etc/systemd/logind.conf.d/50.conf.disabled", yes), hidden[1]]), "");
    }
}
