//! Evaluates one expression against the facts of one outcome.

use crate::{
    outcome::{Num, facts, plain},
    scenario::{Compare, Expression, Operand, Subject},
};
use toml::{Table, Value};

/// The result of an expression.
pub struct Found {
    pub holds: bool,
    /// The values that show it.
    pub shown: String,
}

/// Evaluates an expression. The error says what the outcome does not have, because it was stored before a claim asked
/// for it.
pub fn evaluate(expression: &Expression, facts: &Table) -> Result<Found, String> {
    let (name, left) = find(&expression.left, facts)?;
    let mut shown = format!("{name} = {}", show(&left));
    let right = match &expression.right {
        Operand::Number(number) => Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX)),
        Operand::Text(text) => Value::String(text.clone()),
        Operand::Subject(subject) => {
            let (name, right) = find(subject, facts)?;
            shown += &format!(", {name} = {}", show(&right));
            right
        }
    };
    Ok(Found { holds: compare(&left, expression.compare, &right), shown })
}

fn find(subject: &Subject, facts: &Table) -> Result<(String, Value), String> {
    let (name, found) = facts::find(facts, subject);
    found.map(|value| (name.clone(), value)).ok_or_else(|| format!("there is no `{name}`"))
}

/// Returns the value as a number. A setting's value is a text, and a number where it is compared with one.
fn number(value: &Value) -> Option<u64> {
    Num::of(value).map(|number| number.value).or_else(|| value.as_str()?.parse().ok())
}

fn compare(left: &Value, by: Compare, right: &Value) -> bool {
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => None,
    };
    match by {
        Compare::Equal => order.map_or(left == right, |o| o.is_eq()),
        Compare::NotEqual => order.map_or(left != right, |o| o.is_ne()),
        Compare::Less => order.is_some_and(|o| o.is_lt()),
        Compare::AtMost => order.is_some_and(|o| o.is_le()),
        Compare::More => order.is_some_and(|o| o.is_gt()),
        Compare::AtLeast => order.is_some_and(|o| o.is_ge()),
        Compare::Contains => contains(left, right),
        Compare::Lacks => !contains(left, right),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Array(elements), part) => elements.contains(part),
        (Value::Table(table), Value::String(key)) => table.contains_key(key),
        _ => false,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) if Num::of(value).is_none() => format!("`{text}`"),
        Value::Array(elements) if elements.is_empty() => "none".into(),
        Value::Array(elements) => elements.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}
