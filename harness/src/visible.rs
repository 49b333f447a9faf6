//! Makes foreign text safe for a terminal: an escape replaces what would move the cursor, change colours or turn the
//! line round.

/// Whether a terminal takes it for something else than a character: control characters, line ends, and marks that
/// change the direction of the text around it.
pub fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Returns the text with an escape, `\u{1b}`, for each hidden character but tabs and line feeds, which messages have
/// themselves.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' => shown.push(c),
            c if is_hidden(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Makes a word of the user's fit for a sentence of ours: its line feeds and tabs are shown as escapes too.
pub fn quoted(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// The same with a `?` for each byte of a hidden character: as long as before, for a text that places point into.
pub fn as_long(text: &str) -> String {
    // Most texts have none, and some are long.
    if !text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') || byte >= 0x7f) {
        return text.to_owned();
    }
    let shown = |c: char| match c {
        '\t' | '\n' | '\r' => c.to_string(),
        c if is_hidden(c) => "?".repeat(c.len_utf8()),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_as_an_escape() {
        assert_eq!(visible("a\u{1b}[31mb\n\tc\r"), "a\\u{1b}[31mb\n\tc\\r");
        assert_eq!(visible("\u{202e}gpj"), "\\u{202e}gpj");
        assert_eq!(visible("naïve 日本 ±"), "naïve 日本 ±");
        assert_eq!(as_long("\u{1b}x\u{202e}\n"), "?x???\n");
    }
}
