//! `pose_writer` and `pose_reader` as processes.

mod common;

use common::{Program, isolated, kernel_objects};

#[test]
fn a_reader_follows_through_the_death_of_a_writer() {
    isolated("a_reader_follows_through_the_death_of_a_writer", || {
        let before = kernel_objects();
        let mut reader = Program::start("pose_reader", &[]);
        assert_eq!(reader.says(), "waiting for poses");
        let mut writer = Program::start("pose_writer", &["1000000"]);
        assert_eq!(writer.says(), "publishing from pose 0");
        std::thread::sleep(std::time::Duration::from_millis(200));
        writer.kill();
        let said = reader.says();
        assert!(said.starts_with("the writer is gone (Died"), "{said}");
        let last: u64 = said.rsplit(' ').next().unwrap().parse().unwrap();

        let mut successor = Program::start("pose_writer", &["100"]);
        assert_eq!(successor.says(), format!("publishing from pose {last}"));
        assert_eq!(successor.end().output, "published 100 poses\n");
        let reader = reader.end();
        assert!(reader.status.success(), "{reader:?}");
        assert!(reader.output.ends_with(&format!(" of {} poses\n", last + 100)), "{reader:?}");
        assert_eq!(kernel_objects(), before);
    });
}
