//! Decides where the robot goes, and knows which of its processes are alive. `robot_camera` says how to run
//! it.

use std::process::ExitCode;
use std::time::Duration;

use examples::robot::{CAMERA, Detection, LEFT, Plan, RIGHT, SHOTS, Side, detections, plan};
use examples::{Outcome, run};
use ipc_ring::broadcast::{PopError, Subscriber};
use ipc_ring::control::{ChannelEvent, EndInfo, EndRole, Watch};
use ipc_ring::{Domain, WaitSet, Waitable};

/// The planner's view of a detector.
struct Detector {
    side: Side,
    detections: Subscriber<Detection>,
    watch: Watch,
    newest: Option<Detection>,
    is_over: bool,
}

fn main() -> ExitCode {
    run("robot_planner", decide)
}

fn decide() -> Outcome {
    let domain = Domain::default_for_user()?;
    let mut detectors = Vec::new();
    for side in Side::ALL {
        // Makes the channel if the detector is not there yet.
        let detections = detections(side).create_receiver()?;
        let watch = Watch::new(&domain, side.channel())?;
        detectors.push(Detector { side, detections, watch, newest: None, is_over: false });
    }
    eprintln!("waiting for the robot");
    while domain.wait_for(SHOTS, Duration::from_secs(3600))?.is_none() {}
    let mut camera = Watch::new(&domain, SHOTS)?;
    let mut plans = plan().create_sender()?;
    let mut set = WaitSet::new(&domain)?;
    let (mut plan, mut agreed) = (Plan::default(), None);
    eprintln!("planning");
    while detectors.iter().any(|detector| !detector.is_over) {
        plan.present = present(&camera, &detectors);
        plans.publish(plan)?;
        // Data and events through one semaphore.
        let mut ends: Vec<&mut dyn Waitable> = vec![&mut camera];
        for detector in &mut detectors {
            ends.push(&mut detector.watch);
            if !detector.is_over {
                ends.push(&mut detector.detections);
            }
        }
        set.wait(&mut ends, None)?;
        while let Some(event) = camera.next_timeout(Duration::ZERO)? {
            tell("camera", &event);
        }
        for detector in &mut detectors {
            while let Some(event) = detector.watch.next_timeout(Duration::ZERO)? {
                tell(detector.side.name(), &event);
            }
            detector.read()?;
        }
        let [left, right] = &detectors[..] else { unreachable!("there are two sides") };
        if let (Some(one), Some(two)) = (left.newest, right.newest)
            && one.picture == two.picture
            && agreed < Some(one.picture)
        {
            if one != two {
                return Err(format!("the detectors see different things: {one:?} {two:?}").into());
            }
            agreed = Some(one.picture);
            plan.agreed += 1;
        }
        let newest = [left.newest, right.newest].into_iter().flatten().max_by_key(|one| one.picture);
        if let Some(newest) = newest {
            (plan.picture, plan.row) = (newest.picture, newest.row);
        }
    }
    println!("planned for {} pictures of both detectors", plan.agreed);
    Ok(())
}

impl Detector {
    /// Reads what the detector has found.
    fn read(&mut self) -> Outcome {
        loop {
            match self.detections.try_pop() {
                Ok(detection) => self.newest = Some(detection),
                Err(PopError::Missed(_)) => {}
                // It is gone for now, or there is nothing to read.
                Err(PopError::Empty | PopError::PeerGone(_)) => return Ok(()),
                Err(PopError::Closed) => {
                    self.is_over = true;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The parts that are alive, by the ends that living processes hold.
fn present(camera: &Watch, detectors: &[Detector]) -> u64 {
    let works = |watch: &Watch| {
        let ends = watch.ends().unwrap_or_default(); // Errors here are reported by the next wait.
        ends.iter().any(|end| end.role == EndRole::Producer && end.is_alive)
    };
    let side = |detector: &Detector| if detector.side == Side::Left { LEFT } else { RIGHT };
    let detectors = detectors.iter().filter(|detector| works(&detector.watch)).map(side);
    detectors.sum::<u64>() + if works(camera) { CAMERA } else { 0 }
}

/// Reports what happened to the process that fills a channel.
fn tell(who: &str, event: &ChannelEvent) {
    let (what, end) = match event {
        ChannelEvent::Joined(end) => ("is there", end),
        ChannelEvent::Left(end) => ("has left", end),
        ChannelEvent::Closing(end) => ("is done", end),
        ChannelEvent::Died(end) => ("died", end),
        _ => return,
    };
    if let EndInfo { role: EndRole::Producer, pid, .. } = end {
        eprintln!("{who} {what}: process {pid}");
    }
}
