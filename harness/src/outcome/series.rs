//! Readings over time (`[series.x]`): the value at each second that is asked for, counted from when traffic began.

use super::{
    metrics::Measured,
    num::Num,
    readings::{on_host, readings},
    record::Record,
};
use crate::{plan::virtual_time, scenario::Series};
use std::collections::BTreeMap;
use tunelab_protocol::Plan;

/// The points of a series by `020-s`, as long as the plan lasts. All keys are as wide as the last, so that they stand
/// in order.
pub type Points = BTreeMap<String, Measured>;

/// Returns the points of each series, by its name.
pub fn all(record: &Record, plan: &Plan, series: &[Series]) -> BTreeMap<String, Points> {
    let seconds = virtual_time(plan).as_secs();
    let width = seconds.to_string().len();
    let named = |one: &Series, at| (format!("{at:0width$}-s"), point(record, one, at, plan));
    let points = |one: &Series| (0..=seconds).step_by(one.every_s as usize).map(|at| named(one, at)).collect();
    series.iter().map(|one| (one.name.clone(), points(one))).collect()
}

/// Returns the last reading until that second; a reading that is due at that second comes a little after it.
fn point(record: &Record, series: &Series, at_s: u64, plan: &Plan) -> Measured {
    const A_LITTLE_US: u64 = 100_000;
    let until_us = record.start_us() + at_s * 1_000_000 + A_LITTLE_US;
    let name = on_host(series.host.as_deref(), &series.of, plan);
    let last = readings(record, &name, None).into_iter().take_while(|(at_us, _)| *at_us <= until_us).last();
    let tolerance = |value| series.tolerance.of(value, &plan.variant, record.linux());
    Measured(last.map(|(_, value)| Num { value, tolerance: tolerance(value), unit: series.unit }))
}
