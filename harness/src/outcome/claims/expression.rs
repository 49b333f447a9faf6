//! One expression against one outcome.

use crate::{
    outcome::Num,
    scenario::{Compare, Expression, Operand, nearest},
};
use toml::Value;

/// What an expression came to.
pub struct Found {
    pub holds: bool,
    /// The values that show it.
    pub shown: String,
}

/// Or what the outcome has not: one that was stored before it was asked for, or a part that is left out as there is
/// nothing in it. Of that only `contains` and `lacks` can tell something.
pub fn evaluate(expression: &Expression, outcome: &toml::Table) -> Result<Found, String> {
    let Some(left) = lookup(outcome, &expression.left) else {
        let shown = format!("there is no {}", expression.left);
        return match expression.compare {
            Compare::Contains => Ok(Found { holds: false, shown }),
            Compare::Lacks => Ok(Found { holds: true, shown }),
            _ => Err(missing(outcome, &expression.left)),
        };
    };
    let mut shown = format!("{} = {}", expression.left, show(left));
    let right = match &expression.right {
        Operand::Number(n) => Value::Integer(*n),
        Operand::Text(text) => Value::String(text.clone()),
        Operand::Path(path) => {
            let right = lookup(outcome, path).ok_or_else(|| missing(outcome, path))?;
            shown += &format!(", {path} = {}", show(right));
            right.clone()
        }
    };
    Ok(Found { holds: compare(left, expression.compare, &right), shown })
}

fn missing(outcome: &toml::Table, path: &str) -> String {
    let known = paths(&Value::Table(outcome.clone()), String::new());
    match nearest(path, &known.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => format!("there is no `{path}`, only `{near}`"),
        None => format!("there is no `{path}`"),
    }
}

/// Every place in a document, by the name a claim has for it.
pub fn paths(value: &Value, at: String) -> Vec<String> {
    let mut found = Vec::new();
    if let Value::Table(table) = value {
        for (key, value) in table {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            found.extend(paths(value, path.clone()));
            found.push(path);
        }
    }
    found
}

/// Keys may have dots themselves, as the names of sysctls do: the longest that is there counts.
fn lookup<'a>(table: &'a toml::Table, path: &str) -> Option<&'a Value> {
    if let Some(value) = table.get(path) {
        return Some(value);
    }
    let dots = path.rmatch_indices('.').map(|(at, _)| at);
    dots.filter_map(|at| lookup(table.get(&path[..at])?.as_table()?, &path[at + 1..])).next()
}

fn compare(left: &Value, by: Compare, right: &Value) -> bool {
    let order = match (Num::of(left), Num::of(right)) {
        (Some(left), Some(right)) => Some(left.value.cmp(&right.value)),
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
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

fn show(value: &Value) -> String {
    match (Num::of(value), value) {
        (Some(number), _) => number.value.to_string(),
        (None, Value::String(text)) => format!("`{text}`"),
        (None, Value::Array(elements)) if elements.is_empty() => "nothing".into(),
        (None, Value::Array(elements)) => elements.iter().map(show).collect::<Vec<_>>().join(", "),
        (None, other) => other.to_string(),
    }
}
