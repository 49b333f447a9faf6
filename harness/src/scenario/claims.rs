//! `[claim.x]`: what is said of the outcome, as expressions over it.

use super::{
    model::{Claim, Compare, Expression, Operand},
    section::Section,
    units::Micros,
    values::Filled,
};
use toml::Spanned;

pub fn claims(root: &Section<'_>, variants: &[&str]) -> Vec<Claim> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let says = section.need::<Filled>("says", r#""the table never drains""#);
        let list = |key| section.names(key, "variant", variants);
        let within = list("variants").unwrap_or_else(|| variants.iter().map(|v| (*v).to_owned()).collect());
        let control = list("control").unwrap_or_default();
        let (uncontrolled_because, because) = (section.get("uncontrolled-because"), section.get("because"));
        section.filled("variants");
        can_fail(&section, &within, &control);
        let texts = |key| section.get::<Vec<Spanned<String>>>(key).unwrap_or_default();
        let (applies_to, requires) = (texts("applies-to"), texts("requires"));
        let assert = section.need::<Vec<Spanned<String>>>("assert", r#"["table.full_rounds > 0"]"#);
        section.filled("assert");
        section.finish();
        let expressions =
            |texts: Vec<Spanned<String>>| texts.iter().filter_map(|text| expression(text, &section)).collect();
        let (applies_to, requires, assert) = (expressions(applies_to), expressions(requires), expressions(assert?));
        let (id, says, variants) = (name.into_inner(), says?.0, within);
        Some(Claim { id, says, variants, control, uncontrolled_because, because, applies_to, requires, assert })
    };
    root.named("claim").into_iter().filter_map(read).collect()
}

/// An experiment must be able to fail: a variant turns the verdict, or it is said why none can.
fn can_fail(section: &Section<'_>, within: &[String], control: &[String]) {
    let path = section.path();
    let is_array = section.value("control").is_none_or(|value| value.get_ref().is_array());
    let problem = match (control.is_empty(), section.value("uncontrolled-because").is_some()) {
        // It was refused as what it is.
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

fn expression(text: &Spanned<String>, section: &Section<'_>) -> Option<Expression> {
    let wrong = |message: String, hint: &str| {
        section.problems.report_with_hint(text.span(), message, "in this expression", hint);
    };
    let mut words = text.get_ref().trim().splitn(3, char::is_whitespace);
    let (Some(left), Some(compare), Some(right)) = (words.next(), words.next(), words.next()) else {
        wrong(format!("`{}` compares nothing", text.get_ref()), "for example `table.full_rounds > 0`");
        return None;
    };
    let Some((_, compare)) = COMPARES.iter().find(|(word, _)| *word == compare) else {
        let known: Vec<&str> = COMPARES.iter().map(|(word, _)| *word).collect();
        section.problems.unknown(text.span(), format!("unknown comparison `{compare}`"), compare, &known);
        return None;
    };
    let right = operand(right.trim());
    if !is_path(left) || right.is_none() {
        wrong(format!("`{}` is no comparison", text.get_ref()), "for example `ways.gateway.longest_life_s >= 5 d`");
    }
    let (left, text) = (left.to_owned(), text.clone());
    Some(Expression { left, compare: *compare, right: right?, span: text.span(), text: text.into_inner() })
}

/// A number, a time (in seconds), a quoted text, or a path.
fn operand(word: &str) -> Option<Operand> {
    if let Some(quoted) = word.strip_prefix('\'').and_then(|w| w.strip_suffix('\'')) {
        return Some(Operand::Text(quoted.to_owned()));
    }
    if let Ok(number) = word.parse() {
        return Some(Operand::Number(number));
    }
    if let Ok(Micros(time)) = word.parse() {
        return i64::try_from(time / 1_000_000).ok().map(Operand::Number);
    }
    is_path(word).then(|| Operand::Path(word.to_owned()))
}

fn is_path(word: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    word.split('.').all(|part| !part.is_empty() && part.chars().all(good))
}
