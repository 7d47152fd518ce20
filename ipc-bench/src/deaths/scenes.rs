//! The scenes, once each.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_ring::{Domain, WaitStrategy, mpmc};

use super::rings::{BytesRing, Ends, MpmcRing, Outcome, SpscRing};
use super::victim::Victim;
use super::{NAP, Ring, Scene, time};
use crate::measure::Settings;
use crate::process::{DOMAIN, Failure};

/// How often victim and survivor wake each other before the victim dies.
const DEALINGS: usize = 2;

/// Runs a scene; returns the ticks from the death to its end.
pub(super) fn play(scene: Scene, number: u32, settings: &Settings) -> Result<u64, Failure> {
    // In a thread of its own, which can be bound to a processor.
    std::thread::scope(|threads| {
        let survivor = threads.spawn(|| survive(scene, number, settings));
        survivor.join().map_err(|_| Failure::Failed("a thread panicked".into()))?
    })
}

fn survive(scene: Scene, number: u32, settings: &Settings) -> Result<u64, Failure> {
    if let Some(cpu) = settings.seats.consumer {
        crate::pin::to(&[cpu]).map_err(Failure::Failed)?;
    }
    match scene {
        Scene::Told(Ring::Pipe) | Scene::Replaced(Ring::Pipe) => told_by_a_pipe(settings),
        Scene::Told(Ring::Spsc) => told::<SpscRing>("spsc", number, settings),
        Scene::Told(Ring::Bytes) => told::<BytesRing>("bytes", number, settings),
        Scene::Told(Ring::Mpmc) => told::<MpmcRing>("mpmc", number, settings),
        Scene::Repaired => repaired(number, settings),
        Scene::Replaced(Ring::Spsc) => replaced::<SpscRing>("spsc", number, settings),
        Scene::Replaced(Ring::Bytes) => replaced::<BytesRing>("bytes", number, settings),
        Scene::Replaced(Ring::Mpmc) => replaced::<MpmcRing>("mpmc", number, settings),
    }
}

fn domain() -> Result<Domain, Failure> {
    Domain::open(DOMAIN).map_err(Failure::at("joining the domain of the rings"))
}

fn channel(scene: &str, number: u32) -> String {
    format!("death-{scene}-{}-{number}", std::process::id())
}

fn told_by_a_pipe(settings: &Settings) -> Result<u64, Failure> {
    let mut victim = Victim::start("wait", "pipe", "-", settings.seats.producer)?;
    let Some(mut output) = victim.take_output() else {
        return Err(Failure::Failed("a victim has no pipe".into()));
    };
    let (ticks, ()) = time(settings.clock, victim, || {
        output.read_to_end(&mut Vec::new())?;
        Ok(())
    })?;
    Ok(ticks)
}

fn told<R: Ends>(ring: &str, number: u32, settings: &Settings) -> Result<u64, Failure> {
    let channel = channel("told", number);
    let mut consumer = R::consumer(&domain()?, &channel)?;
    let mut victim = Victim::start("push", ring, &channel, settings.seats.producer)?;
    for _ in 0..DEALINGS {
        let waker = std::thread::spawn(move || {
            std::thread::sleep(NAP);
            victim.tell("push").map(|()| victim)
        });
        expect(R::pop(&mut consumer)?, Outcome::Done)?;
        victim = waker.join().map_err(|_| Failure::Failed("a thread panicked".into()))??;
    }
    let (ticks, outcome) = time(settings.clock, victim, || R::pop(&mut consumer))?;
    expect(outcome, Outcome::Gone)?;
    Ok(ticks)
}

fn replaced<R: Ends>(ring: &str, number: u32, settings: &Settings) -> Result<u64, Failure> {
    let channel = channel("replaced", number);
    let domain = domain()?;
    let mut producer = R::producer(&domain, &channel)?;
    let mut victim = Victim::start("pop", ring, &channel, settings.seats.producer)?;
    for _ in 0..DEALINGS {
        while R::try_push(&mut producer)? {}
        let waker = std::thread::spawn(move || {
            std::thread::sleep(NAP);
            // As many as it takes for the consumer to report the room.
            (0..8).try_for_each(|_| victim.tell("pop")).map(|()| victim)
        });
        expect(R::push(&mut producer)?, Outcome::Done)?;
        victim = waker.join().map_err(|_| Failure::Failed("a thread panicked".into()))??;
        std::thread::sleep(NAP);
    }
    while R::try_push(&mut producer)? {}
    let (ticks, ()) = time(settings.clock, victim, || {
        let mut successor = None;
        while R::push(&mut producer)? == Outcome::Gone {
            let mut consumer = R::consumer(&domain, &channel)?;
            R::pop(&mut consumer)?;
            successor = Some(consumer);
        }
        drop(successor);
        Ok(())
    })?;
    Ok(ticks)
}

/// The message that the dead process held.
const IN_HAND: u64 = u64::MAX;

fn repaired(number: u32, settings: &Settings) -> Result<u64, Failure> {
    let name = channel("repaired", number);
    let builder =
        mpmc::Builder::<[u8; 8]>::new(&name).domain(&domain()?).capacity(16).wait(WaitStrategy::Spin);
    let refused = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let mut producer = builder.create_sender().map_err(|error| refused(&error))?;
    let mut consumer = builder.create_receiver().map_err(|error| refused(&error))?;
    producer.try_push(IN_HAND.to_ne_bytes()).map_err(|error| refused(&error))?;
    let victim = Victim::start("hold", "mpmc", &name, settings.seats.producer)?;
    let (over, seat) = (AtomicBool::new(false), settings.seats.producer);
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            if let Some(cpu) = seat {
                crate::pin::to(&[cpu]).map_err(Failure::Failed)?;
            }
            // Relaxed: nothing is published by it.
            while !over.load(Ordering::Relaxed) {
                let pushed = producer.push_timeout([0; 8], std::time::Duration::from_millis(20));
                if let Err(error) = pushed
                    && !matches!(error, mpmc::PushError::TimedOut(_))
                {
                    return Err(refused(&error));
                }
            }
            Ok(())
        });
        let timed = time(settings.clock, victim, || {
            loop {
                if consumer.pop().map_err(|error| refused(&error))? == IN_HAND.to_ne_bytes() {
                    return Ok(());
                }
            }
        });
        over.store(true, Ordering::Relaxed);
        pushing.join().map_err(|_| Failure::Failed("a thread panicked".into()))??;
        timed.map(|(ticks, ())| ticks)
    })
}

fn expect(outcome: Outcome, expected: Outcome) -> Result<(), Failure> {
    if outcome == expected { Ok(()) } else { Err(Failure::Failed(format!("{outcome:?}, not {expected:?}"))) }
}
