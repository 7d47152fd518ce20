//! A pool's header and its table of classes, read from memory that other processes write.

use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Kind};
use crate::platform::Barrier;
use crate::region::Region;
use crate::ring::pool::{
    BLOCKS, C_COUNT, C_FIRST, C_OFFSET, C_SIZE, CLASS_SIZE, CLASSES, MAX_CLASSES, Shape,
};

/// The shape that a pool's header and its table of classes describe, copied to private memory and checked,
/// and its barrier.
pub(super) fn read(region: &Region, generation: u64) -> Result<(Shape, Barrier), AttachError> {
    let header = layout::read(region, Kind::Pool)?;
    let wrong = || {
        AttachError::from(AttachErrorKind::Geometry {
            capacity: header.capacity,
            stride: header.stride,
            total_size: header.total_size,
            memory: region.len() as u64,
        })
    };
    if region.len() < BLOCKS {
        return Err(AttachErrorKind::TooSmall { found: region.len(), needed: BLOCKS }.into());
    }
    let mut classes = Vec::new();
    for number in 0..MAX_CLASSES {
        let [size, count] = [C_SIZE, C_COUNT].map(|word| class_word(region, number, word));
        if size == 0 && count == 0 {
            break;
        }
        classes.push((usize::try_from(size).map_err(|_| wrong())?, count));
    }
    let shape = Shape::new(&classes).map_err(|_| wrong())?;
    let geometry = shape.geometry();
    let agrees = geometry.capacity() == header.capacity
        && geometry.stride() as u64 == header.stride
        && geometry.total_size() as u64 == header.total_size
        && header.slots_offset == BLOCKS as u64
        && geometry.total_size() <= region.len()
        && shape.as_asked() == classes
        && shape.classes.iter().zip(&shape.offsets).enumerate().all(|(number, (class, offset))| {
            class_word(region, number, C_FIRST) == u64::from(class.first)
                && class_word(region, number, C_OFFSET) == *offset as u64
        });
    if !agrees {
        return Err(wrong());
    }
    header.is_of(Some(generation))?;
    Ok((shape, header.barrier()))
}

fn class_word(region: &Region, number: usize, word: usize) -> u64 {
    use core::sync::atomic::Ordering::Relaxed;
    region.word(CLASSES + number * CLASS_SIZE + word).load(Relaxed) // After [R1], and under the lock.
}
