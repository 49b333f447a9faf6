//! Reads `[claim.x]`: statements about the outcome, as expressions over it.

use super::{
    model::{Claim, Compare, Expression, Metric, Operand, Subject},
    parts::{LEAKS, OPEN_FILES, REFUSED_SYSCTLS, RENAMED_SYSCTLS, SYSCTLS},
    section::Section,
    units::{Bytes, Micros, Ppm, Rate},
    values::Filled,
};
use std::collections::BTreeSet;
use toml::Spanned;
use tunelab_protocol::{LimitOf, readings::Unit};

/// The other parts of the file that a claim may be about.
pub struct Known<'a> {
    pub variants: &'a [&'a str],
    pub metrics: &'a [Metric],
    /// Metrics that were refused: a claim about one is no second mistake.
    pub refused_metrics: &'a [String],
    /// The reported sysctls, by today's names.
    pub sysctls: &'a BTreeSet<String>,
    pub limits: &'a [LimitOf],
    pub follows_entries: bool,
}

/// Reads each `[claim.x]`.
pub fn claims(root: &Section<'_>, known: &Known<'_>) -> Vec<Claim> {
    let variants = known.variants;
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let says = section.need::<Filled>("says");
        let list = |key| section.names(key, "variant", variants);
        let within = list("variants").unwrap_or_else(|| variants.iter().map(|v| (*v).to_owned()).collect());
        let control = list("control").unwrap_or_default();
        let (uncontrolled_because, because) = (section.get("uncontrolled-because"), section.get("because"));
        section.filled("variants");
        can_fail(&section, &within, &control);
        let texts = |key| section.get::<Vec<Spanned<String>>>(key).unwrap_or_default();
        let (applies_to, requires) = (texts("applies-to"), texts("requires"));
        let assert = section.need::<Vec<Spanned<String>>>("assert");
        section.filled("assert");
        section.finish();
        let expressions =
            |texts: Vec<Spanned<String>>| texts.iter().filter_map(|text| expression(text, &section, known)).collect();
        let (applies_to, requires, assert) = (expressions(applies_to), expressions(requires), expressions(assert?));
        let (id, says, variants) = (name.into_inner(), says?.0, within);
        Some(Claim { id, says, variants, control, uncontrolled_because, because, applies_to, requires, assert })
    };
    root.named("claim").into_iter().filter_map(read).collect()
}

/// Reports a claim that cannot fail. An experiment must be able to fail: a control turns the verdict, or the claim says
/// why none can.
fn can_fail(section: &Section<'_>, within: &[String], control: &[String]) {
    let path = section.path();
    let is_array = section.value("control").is_none_or(|value| value.get_ref().is_array());
    let problem = match (control.is_empty(), section.value("uncontrolled-because").is_some()) {
        // It was already reported that `control` is no array.
        (true, false) if !is_array => return,
        (true, false) => format!("`{path}` has no control: nothing shows that it could have come out otherwise"),
        (false, true) => format!("`{path}` has a control and says why there is none"),
        _ => match control.iter().find(|variant| within.contains(variant)) {
            Some(both) => format!("`{both}` is in `variants` and in `control` of `{path}`: it cannot be both"),
            None => return,
        },
    };
    let hint = "`control = [\"VARIANT\"]` names one in which `assert` is false; `uncontrolled-because = \"why\"` says why there can be none";
    section.problems.report_with_hint(section.span(), problem, "in this claim", hint);
}

const COMPARES: &[(&str, Compare)] = &[
    ("==", Compare::Equal),
    ("!=", Compare::NotEqual),
    ("<", Compare::Less),
    ("<=", Compare::AtMost),
    (">", Compare::More),
    (">=", Compare::AtLeast),
    ("contains", Compare::Contains),
    ("lacks", Compare::Lacks),
];

fn expression(text: &Spanned<String>, section: &Section<'_>, known: &Known<'_>) -> Option<Expression> {
    let wrong = |message: String, hint: &str| {
        section.problems.report_with_hint(text.span(), message, "in this expression", hint);
    };
    let mut words = text.get_ref().trim().splitn(3, char::is_whitespace);
    let (Some(left), Some(compare), Some(right)) = (words.next(), words.next(), words.next()) else {
        wrong(format!("`{}` is no comparison", text.get_ref()), "for example `drops > 0`");
        return None;
    };
    let Some((_, compare)) = COMPARES.iter().find(|(word, _)| *word == compare) else {
        let compares: Vec<&str> = COMPARES.iter().map(|(word, _)| *word).collect();
        section.problems.unknown(text.span(), format!("unknown comparison `{compare}`"), compare, &compares);
        return None;
    };
    let left = subject(left, text, section, known)?;
    let right = match operand(right.trim(), &left) {
        Ok(right) => right,
        Err(Some(expected)) => {
            let message = format!("`{}` has a value of another kind on its right side", text.get_ref());
            wrong(message, expected);
            return None;
        }
        Err(None) => Operand::Subject(subject(right.trim(), text, section, known)?),
    };
    if matches!(right, Operand::Subject(_)) && is_list(&left) {
        let message = format!("`{}` compares a list with a part of the outcome", text.get_ref());
        wrong(message, "a list `contains` or `lacks` a text in single quotes");
        return None;
    }
    if let (Subject::Metric { unit: a, .. }, Operand::Subject(Subject::Metric { unit: b, .. })) = (&left, &right)
        && a != b
    {
        wrong(format!("`{}` compares numbers of two units", text.get_ref()), "both sides need the same unit");
        return None;
    }
    if is_list(&left) != matches!(compare, Compare::Contains | Compare::Lacks) {
        let what = if is_list(&left) { "a list" } else { "something other than a list" };
        let message = format!("`{}` has {what} on its left side", text.get_ref());
        wrong(message, "`contains` and `lacks` are for lists, and lists for them: `leaks contains 'browsers'`");
        return None;
    }
    Some(Expression { left, compare: *compare, right })
}

fn is_list(subject: &Subject) -> bool {
    matches!(subject, Subject::List(_))
}

/// Returns the subject that is written `drops`, `sysctl.net.core.somaxconn`, `open-files.init.soft` or `leaks`.
/// Reports an unknown one, unless it is a metric that was refused.
fn subject(word: &str, text: &Spanned<String>, section: &Section<'_>, known: &Known<'_>) -> Option<Subject> {
    let all = subjects(known);
    if let Some((_, subject)) = all.iter().find(|(name, _)| name == word) {
        return Some(subject.clone());
    }
    if !known.refused_metrics.iter().any(|name| name == word) {
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("there is no `{word}` in an outcome of this scenario");
        section.problems.unknown(text.span(), message, word, &names);
    }
    None
}

/// Returns everything that a claim of this scenario can be about, by the name that it is written with.
fn subjects(known: &Known<'_>) -> Vec<(String, Subject)> {
    let metric = |metric: &Metric| {
        (metric.name.clone(), Subject::Metric { name: metric.name.clone(), unit: metric.value.unit() })
    };
    let sysctl = |name: &String| (format!("{SYSCTLS}.{name}"), Subject::Sysctl(name.clone()));
    let limits = |of: &LimitOf| {
        let of = of.to_string();
        ["soft", "hard"]
            .map(|which| (format!("{OPEN_FILES}.{of}.{which}"), Subject::OpenFiles { of: of.clone(), which }))
    };
    let lists = [REFUSED_SYSCTLS, RENAMED_SYSCTLS].into_iter().chain(known.follows_entries.then_some(LEAKS));
    let metrics = known.metrics.iter().map(metric);
    let settings = known.sysctls.iter().map(sysctl).chain(known.limits.iter().flat_map(limits));
    metrics.chain(settings).chain(lists.map(|key| (key.to_owned(), Subject::List(key)))).collect()
}

/// Parses the right side: a value in the left side's unit, or a text in single quotes. `Err(None)`: it may be the name
/// of a subject. Any other error says what should stand there.
fn operand(word: &str, left: &Subject) -> Result<Operand, Option<&'static str>> {
    if let Some(quoted) = word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        return Ok(Operand::Text(quoted.to_owned()));
    }
    let unit = match left {
        Subject::Metric { unit, .. } => *unit,
        _ => Unit::Count,
    };
    let number = match unit {
        Unit::Count => word.parse().ok(),
        Unit::Milliseconds => word.parse().ok().map(|Micros(us)| us / 1_000),
        Unit::Bytes => word.parse().ok().map(|Bytes(bytes)| bytes),
        Unit::Percent => word.parse().ok().map(|Ppm(ppm)| u64::from(ppm) / 10_000),
        Unit::PerThousandSeconds => word.parse().ok().map(Rate::per_1000_s),
    };
    match number {
        Some(number) => Ok(Operand::Number(number)),
        None if word == "0" => Ok(Operand::Number(0)),
        None if word.starts_with(|c: char| c.is_ascii_digit()) => Err(Some(match unit {
            Unit::Count => "it is a number, without a unit",
            Unit::Milliseconds => "it is a time: `200 ms`, `5 min`",
            Unit::Bytes => "it is a size: `512 B`, `1 MiB`",
            Unit::Percent => "it is a share: `95 %`",
            Unit::PerThousandSeconds => "it is a rate: `400/s`",
        })),
        None => Err(None),
    }
}
