//! Checks a URL in a recipe, well enough to find typing errors before the network is asked.

use super::reader::{Problems, nearest};
use std::ops::Range;

/// Wants one of `schemes`, `://`, then text without spaces or what a sources.list would read as more than a URL.
pub fn check(url: &str, span: &Range<usize>, schemes: &[&str], problems: &Problems<'_>) {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    if !schemes.contains(&scheme) {
        let hint = match nearest(scheme, schemes.iter().copied()) {
            Some(near) if url.contains("://") => format!("did you mean `{near}`?"),
            _ => format!(
                "it begins with {}",
                schemes.iter().map(|s| format!("`{s}://`")).collect::<Vec<_>>().join(" or ")
            ),
        };
        return problems.add(span.clone(), format!("`{url}` is no URL that can be used here"), Some(hint));
    }
    let host = rest.split('/').next().unwrap_or_default();
    if (host.is_empty() && scheme != "file") || !rest.chars().all(|c| c.is_ascii_graphic() && !"[]\"<>".contains(c)) {
        problems.add(span.clone(), format!("`{url}` is no URL"), None);
    }
}

/// Returns the last part of its path.
pub fn file_name(url: &str) -> Option<&str> {
    let (_, path) = url.split_once("://")?.1.split_once('/')?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}
