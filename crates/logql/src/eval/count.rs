//! Counting without showing: asks the source how many records there are in pieces of time of which
//! every window is a sum, where only their number or their bytes matter.

use crate::ast::{RangeOp, Stage};
use crate::eval::error::Result;
use crate::eval::gathered::Gathered;
use crate::source::{BatchIter, Count, Select};

/// The most pieces that a range of time is cut into.
const PIECES_MAX: i64 = 1 << 17;

/// Adds what the source counts in the range of a selection, and gives the records that it could not
/// decide about. `None` where it does not count.
pub(crate) fn count<'g>(
    gathered: &mut Gathered<'g>,
    select: &Select<'_>,
) -> Result<Option<BatchIter<'g>>> {
    let operation = gathered.operation;
    let counts = match operation.op {
        RangeOp::CountOverTime | RangeOp::Rate => !operation.unwraps,
        RangeOp::BytesOverTime | RangeOp::BytesRate => {
            !select.log.stages.iter().any(|stage| changes_line(&stage.stage))
        }
        _ => false,
    };
    if !counts {
        return Ok(None);
    }
    let windows = operation.windows;
    let length_ns = select.end_ns - select.start_ns;
    let step_ns = if length_ns == windows.range_ns {
        length_ns
    } else {
        common_divisor(windows.range_ns, windows.step_ns)
    };
    if length_ns / step_ns > PIECES_MAX {
        return Ok(None);
    }
    let by = gathered.grouping.as_ref().filter(|grouping| !grouping.without);
    let by = by.map(|grouping| grouping.labels.clone());
    let context = gathered.context;
    let bytes = matches!(operation.op, RangeOp::BytesOverTime | RangeOp::BytesRate);
    let request = Count { select: *select, by: by.as_deref(), step_ns, bytes };
    let Some(counts) = context.source.count(&request)? else { return Ok(None) };
    for counted in counts.counted {
        let piece_ns = i64::try_from(counted.step)
            .ok()
            .and_then(|step| step.checked_mul(step_ns)?.checked_add(select.start_ns));
        // A window that holds the beginning of a piece holds all of it.
        if let Some(steps) = piece_ns.and_then(|time_ns| windows.steps_of(time_ns)) {
            gathered.add_counted(&counted.labels, steps, counted.rows, counted.bytes)?;
        }
    }
    Ok(Some(counts.rest))
}

fn changes_line(stage: &Stage) -> bool {
    matches!(stage, Stage::LineFormat(_) | Stage::Decolorize | Stage::Unpack)
}

/// Of two numbers of which one is positive.
fn common_divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_are_the_greatest_common() {
        for (a, b, expect) in [(300, 15, 15), (15, 300, 15), (90, 60, 30), (7, 5, 1), (0, 5, 5)] {
            assert_eq!(common_divisor(a, b), expect);
        }
    }
}
