//! The robot: a camera, two detectors and a planner as four processes, each of which is killed in its turn.

mod common;

use common::{Program, isolated, kernel_objects};
use examples::robot::{self, CAMERA, EVERYBODY, LEFT, Plan, RIGHT};
use ipc_ring::latest::{ReadError, Reader};

/// Starts a program and waits for its word.
fn start(name: &'static str, arguments: &[&str], word: &str) -> Program {
    let mut program = Program::start(name, arguments);
    let said = program.says();
    assert!(said.starts_with(word), "{said}");
    program
}

fn camera() -> Program {
    start("robot_camera", &["1000000"], "taking pictures from")
}

fn detector(side: &str) -> Program {
    start("robot_detector", &[side], "looking")
}

/// Waits for a plan, without limit.
fn plan(plans: &mut Reader<Plan>, wanted: impl Fn(&Plan) -> bool) -> Plan {
    loop {
        match plans.wait() {
            Ok(newest) if wanted(&newest.value) => return newest.value,
            Ok(_) => {}
            // The planner was killed, and its successor is starting.
            Err(ReadError::PeerGone(_)) => drop(plans.wait_for_peer(None).unwrap()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until all processes are there, and the detectors agree about pictures after this one.
fn goes_on(plans: &mut Reader<Plan>, since: &Plan) -> Plan {
    let there = plan(plans, |plan| plan.present == EVERYBODY && plan.picture > since.picture);
    // Another planner starts counting from zero.
    plan(plans, |plan| plan.present == EVERYBODY && plan.picture > there.picture + 3 && plan.agreed > 0)
}

#[test]
fn the_robot_survives_the_death_of_each_of_its_processes() {
    isolated("the_robot_survives_the_death_of_each_of_its_processes", || {
        let before = kernel_objects();
        let mut plans = robot::plan().create_receiver().unwrap();
        let mut planner = Program::start("robot_planner", &[]);
        let mut left = detector("left");
        let mut eye = camera();
        let mut right = detector("right");
        goes_on(&mut plans, &Plan::default());

        // A detector: the planner notices, and continues with the other one.
        left.kill();
        let alone = plan(&mut plans, |plan| plan.present == CAMERA | RIGHT);
        plan(&mut plans, |plan| plan.picture > alone.picture + 3 && plan.present == CAMERA | RIGHT);
        left = detector("left");
        goes_on(&mut plans, &alone);
        right.kill();
        let alone = plan(&mut plans, |plan| plan.present == CAMERA | LEFT);
        plan(&mut plans, |plan| plan.picture > alone.picture + 3 && plan.present == CAMERA | LEFT);
        right = detector("right");
        let mut last = goes_on(&mut plans, &alone);

        // The planner: the newest plan stays, the others continue, and so does its successor.
        planner.kill();
        loop {
            match plans.wait() {
                Ok(newest) => last = newest.value,
                Err(ReadError::PeerGone(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(plans.get().unwrap().unwrap().value, last);
        let planner = Program::start("robot_planner", &[]);
        goes_on(&mut plans, &last);

        // The camera: the numbers continue.
        eye.kill();
        let blind = plan(&mut plans, |plan| plan.present == LEFT | RIGHT);
        eye = camera();
        goes_on(&mut plans, &blind);

        // One that is asked for no picture takes the dead one's place and ends the robot.
        eye.kill();
        let end = Program::start("robot_camera", &["0"]).end();
        assert!(end.status.success() && end.output.starts_with("took 0 pictures"), "{end:?}");
        for program in [left, right, planner] {
            let ended = program.end();
            assert!(ended.status.success(), "{ended:?}");
            if ended.output.starts_with("planned for") {
                assert!(ended.errors.contains("camera died") && ended.errors.contains("camera is there"));
            }
        }
        drop(plans);
        assert_eq!(kernel_objects(), before);
    });
}
