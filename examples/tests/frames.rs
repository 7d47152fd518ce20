//! `camera` and `viewer` as two processes.

mod common;

use std::time::Duration;

use common::{Program, isolated, kernel_objects};

#[test]
fn every_picture_that_was_taken_is_seen() {
    isolated("every_picture_that_was_taken_is_seen", || {
        let before = kernel_objects();
        for camera_first in [true, false] {
            let start = |name, argument: &[&str], word: &str| {
                let mut program = Program::start(name, argument);
                assert_eq!(program.says(), word);
                program
            };
            let (camera, viewer);
            if camera_first {
                camera = start("camera", &["20"], "waiting for viewer");
                viewer = Program::start("viewer", &[]);
            } else {
                viewer = start("viewer", &[], "waiting for pictures");
                camera = Program::start("camera", &["20"]);
            }
            let (camera, viewer) = (camera.end(), viewer.end());
            assert!(camera.status.success() && viewer.status.success(), "{camera:?} {viewer:?}");
            let number = |text: &str, at: usize| -> u64 {
                text.split([' ', ',']).filter(|word| !word.is_empty()).nth(at).unwrap().parse().unwrap()
            };
            assert!(camera.output.starts_with("took 20 pictures, dropped "), "{camera:?}");
            let first = camera.output.lines().next().unwrap();
            assert_eq!(
                number(first, 1) - number(first, 4),
                number(&viewer.output, 1),
                "{camera:?} {viewer:?}"
            );
        }
        assert_eq!(kernel_objects(), before);
    });
}

#[test]
fn a_killed_viewer_has_a_successor() {
    isolated("a_killed_viewer_has_a_successor", || {
        let before = kernel_objects();
        let mut camera = Program::start("camera", &["1500"]);
        assert_eq!(camera.says(), "waiting for viewer");
        for _ in 0..3 {
            let mut viewer = Program::start("viewer", &[]);
            assert_eq!(viewer.says(), "waiting for pictures");
            std::thread::sleep(Duration::from_millis(60));
            viewer.kill();
        }
        let last = Program::start("viewer", &[]);
        let (camera, last) = (camera.end(), last.end());
        assert!(camera.status.success() && last.status.success(), "{camera:?} {last:?}");
        assert!(last.output.starts_with("saw "), "{last:?}");
        // At the end only blocks still in transit are in use.
        assert!(camera.output.contains("in use"), "{camera:?}");
        assert_eq!(kernel_objects(), before);
    });
}
