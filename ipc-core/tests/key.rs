//! Keys, compared with the C library's.

mod common;

use std::ffi::CString;
use std::num::NonZeroU8;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ipc_core::Key;
use nix::libc;

fn of_the_c_library(path: &Path, id: u8) -> i32 {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a string that ends with a zero and lives during the call.
    unsafe { libc::ftok(path.as_ptr(), i32::from(id)) }
}

#[test]
fn ftok_equals_the_c_librarys_on_many_paths_and_all_numbers() {
    let mut compared = 0;
    for folder in
        ["/", "/etc", "/dev", "/proc", "/proc/self", "/sys", "/usr/bin", "/tmp", env!("CARGO_MANIFEST_DIR")]
    {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(200);
        for path in entries.map(|entry| entry.path()).chain([folder.into()]) {
            for id in [1, b'a', 0x7f, 0x80, 0xff] {
                let ours = Key::ftok(&path, NonZeroU8::new(id).unwrap());
                let theirs = of_the_c_library(&path, id);
                match ours {
                    Ok(key) => assert_eq!(key.as_raw(), theirs, "{} {id}", path.display()),
                    Err(_) => assert_eq!(theirs, -1, "{} {id}", path.display()),
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} paths to compare");
    for id in 1..=255 {
        assert_eq!(
            Key::ftok("/", NonZeroU8::new(id).unwrap()).unwrap().as_raw(),
            of_the_c_library(Path::new("/"), id)
        );
    }
}

#[test]
fn links_share_a_key_and_a_path_with_a_zero_has_none() {
    let id = NonZeroU8::MIN;
    let folder = std::env::temp_dir().join(format!("ipc-core-key-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let [file, hard, soft] = ["file", "hard", "soft"].map(|name| folder.join(name));
    std::fs::write(&file, "").unwrap();
    std::fs::hard_link(&file, &hard).unwrap();
    std::os::unix::fs::symlink(&file, &soft).unwrap();
    let keys = [&file, &hard, &soft].map(|path| Key::ftok(path, id).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(keys[0] == keys[1] && keys[1] == keys[2]);
    assert!(Key::ftok("a\0b", id).is_err());
}

#[test]
fn random_keys_differ_and_print_as_they_parse() {
    let keys: std::collections::HashSet<Key> = (0..1000).map(|_| Key::random().unwrap()).collect();
    assert!(keys.len() > 990);
    for key in keys {
        assert!(key != Key::PRIVATE && key.as_raw() != -1);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.as_raw().to_string().parse(), Ok(key));
    }
}
