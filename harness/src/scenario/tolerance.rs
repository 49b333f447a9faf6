//! Reads `tolerance`: how far two builds of a machine may be apart in a number, where the kernel's own timers, ticks
//! and hash seeds decide. It is `5`, `"5 ms"`, `"10 %"`, `{ absolute = 3, variants = ["default"], since = "6.5" }`, or
//! an array of such tables.

use super::{
    model::{Tolerance, ToleranceRule},
    names::{Names, words},
    problems::Problems,
    section::{Read, Section, Value, a_kind},
    units::{Bytes, Micros, Ppm, Rate},
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{Version, readings::Unit, version};

/// Reads the tolerance of a section; a section without one has an exact number. `unit` is that of the number; `None` if
/// the number itself was refused.
pub fn read(section: &Section<'_>, unit: Option<Unit>, names: &Names) -> Tolerance {
    let Some(value) = section.value("tolerance") else { return Tolerance::default() };
    let unit = unit.unwrap_or(Unit::Count);
    let tables = match value.get_ref() {
        DeValue::Array(tables) => tables.iter().collect(),
        _ => vec![value],
    };
    section.filled("tolerance");
    let rule = |value: &Value<'_>| rule(value, section, unit, names);
    Tolerance(tables.into_iter().filter_map(rule).collect())
}

fn rule(value: &Value<'_>, section: &Section<'_>, unit: Unit, names: &Names) -> Option<ToleranceRule> {
    let DeValue::Table(_) = value.get_ref() else {
        let (absolute, relative_ppm) = either(value, section.problems, unit)?;
        return Some(ToleranceRule { absolute, relative_ppm, variants: None, since: None, before: None });
    };
    let table = Section::of(value, format!("{}.tolerance", section.path()), section.problems)?;
    let absolute = table.value("absolute").and_then(|value| absolute(value, section.problems, unit));
    let relative = table.get::<Ppm>("relative");
    if table.value("absolute").is_none() && table.value("relative").is_none() {
        let hint = "`absolute = 3`, or `relative = \"5 %\"`";
        section.problems.report_with_hint(
            value.span(),
            "this tolerance has neither `absolute` nor `relative`",
            "in this table",
            hint,
        );
    }
    table.filled("variants");
    let variants = table.names("variants", "variant", &words(&names.variants));
    let [since, before] = ["since", "before"].map(|key| linux(&table, key));
    if since.zip(before).is_some_and(|(since, before)| since >= before) {
        section.problems.report(
            value.span(),
            "no version of Linux is from `since` on and before `before`",
            "without effect",
        );
    }
    table.finish();
    let relative_ppm = relative.map_or(0, |Ppm(ppm)| ppm);
    Some(ToleranceRule { absolute: absolute.unwrap_or(0), relative_ppm, variants, since, before })
}

/// Reads a version of Linux such as `6.5`.
fn linux(table: &Section<'_>, key: &'static str) -> Option<Version> {
    let text = table.get::<Spanned<String>>(key)?;
    let found = version(text.get_ref()).filter(|(major, minor)| format!("{major}.{minor}") == *text.get_ref());
    if found.is_none() {
        let message = format!("`{}` is no version of Linux such as `6.5`", text.get_ref());
        table.problems.report(text.span(), message, "major and minor");
    }
    found
}

/// Returns an absolute tolerance and a relative one in millionths, of which one is zero. A relative one ends in `%`;
/// but if the number itself is in per cent, so is the difference of two, and the tolerance is absolute.
fn either(value: &Value<'_>, problems: &Problems, unit: Unit) -> Option<(u64, u32)> {
    let is_share = value.get_ref().as_str().is_some_and(|text| text.trim_end().ends_with('%'));
    match is_share && unit != Unit::Percent {
        true => Some((0, Ppm::read(value, problems)?.0)),
        false => Some((absolute(value, problems, unit)?, 0)),
    }
}

fn absolute(value: &Value<'_>, problems: &Problems, unit: Unit) -> Option<u64> {
    match (unit, value.get_ref()) {
        (Unit::Count, DeValue::Integer(_)) => u64::read(value, problems),
        (Unit::Milliseconds, DeValue::String(_)) => Some(Micros::read(value, problems)?.0 / 1_000),
        (Unit::Bytes, DeValue::String(_)) => Some(Bytes::read(value, problems)?.0),
        (Unit::Percent, DeValue::String(_)) => Some(u64::from(Ppm::read(value, problems)?.0) / 10_000),
        (Unit::PerThousandSeconds, DeValue::String(_)) => Some(Rate::read(value, problems)?.per_1000_s()),
        (unit, other) => {
            let expected = match unit {
                Unit::Count => "a number such as `3`",
                Unit::Milliseconds => "a time such as `\"5 ms\"`",
                Unit::Bytes => "a size such as `\"4 KiB\"`",
                Unit::Percent => "a share such as `\"2 %\"`",
                Unit::PerThousandSeconds => "a rate such as `\"20/s\"`",
            };
            let message = format!("expected {expected}, or a share of it such as `\"5 %\"`, found {}", a_kind(other));
            problems.report(value.span(), message, format!("should be {expected}"));
            None
        }
    }
}
