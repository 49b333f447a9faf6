//! One expression against one outcome.

use crate::{
    outcome::Num,
    scenario::{Compare, Expression, Operand},
};
use toml::Value;

/// Whether it is true, and the value that shows it.
pub fn evaluate(expression: &Expression, outcome: &toml::Table) -> (bool, String) {
    let Some(left) = lookup(outcome, &expression.left) else {
        // Parts of an outcome that would be empty are left out: what is not there has nothing in it.
        return (expression.compare == Compare::Lacks, format!("there is no {}", expression.left));
    };
    let right = match &expression.right {
        Operand::Number(n) => Some(Value::Integer(*n)),
        Operand::Text(text) => Some(Value::String(text.clone())),
        Operand::Path(path) => lookup(outcome, path).cloned(),
    };
    let holds = right.is_some_and(|right| compare(left, expression.compare, &right));
    (holds, format!("{} = {}", expression.left, show(left)))
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
