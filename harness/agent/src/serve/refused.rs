//! Messages of nginx and node.js about a file that they do not take, read for the place in it.

use crate::fault::Mistake;
use tunelab_protocol::guest;

/// Reads `nginx: [emerg] unknown directive "x" in /run/tunelab/files/nginx.conf:12`: the error, and its place. If it
/// names no place, it is the line of `config` that has what the words quote. `None`: nginx complains of nothing.
pub fn nginx(said: &str, path: &str, config: &str) -> Option<Mistake> {
    let what = said.lines().find_map(|line| line.split_once("[emerg] "))?.1;
    // A line of its log has the process in front: `7#7: `.
    let what = what.split_once(": ").filter(|(process, _)| is_process(process)).map_or(what, |(_, rest)| rest);
    let placed = what.rsplit_once(" in ").and_then(|(what, place)| Some((what, place.rsplit_once(':')?)));
    Some(match placed {
        Some((what, (file, line))) if file.starts_with(guest::FILES) => {
            Mistake::in_file(file, line.trim().parse().ok(), refuses(what))
        }
        // The error is in a file of the image, which the user's own includes; the words say which.
        _ => Mistake::in_file(path, line_of(what, config), refuses(what)),
    })
}

fn refuses(what: &str) -> String {
    format!("nginx refuses it: {what}")
}

fn is_process(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'#')
}

/// The first line that has the quoted file, or that listens at the port that cannot be bound.
fn line_of(what: &str, config: &str) -> Option<u32> {
    if let Some(address) = what.strip_prefix("bind() to ").and_then(|rest| rest.split_once(" failed")) {
        let port = address.0.rsplit(':').next()?;
        return line_with(config, |line| line.contains("listen") && line.contains(port));
    }
    let quoted = what.split('"').nth(1)?;
    // nginx completes a relative path with the folder of its configuration.
    let name = quoted.rsplit('/').next().filter(|name| !name.is_empty())?;
    line_with(config, |line| line.contains(quoted)).or_else(|| line_with(config, |line| line.contains(name)))
}

fn line_with(config: &str, wanted: impl Fn(&str) -> bool) -> Option<u32> {
    let at = config.lines().map(str::trim_start).position(|line| !line.starts_with('#') && wanted(line))?;
    u32::try_from(at + 1).ok()
}

/// Reads node.js's last words: the line of `program` that they name, and the error's own line (else the last).
pub fn node(said: &str, program: &str) -> (Option<u32>, String) {
    let place = said.split(program).skip(1).find_map(|rest| number(rest.strip_prefix(':')?));
    let error = said.lines().map(str::trim).find(|line| is_error(line));
    let last = || said.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with("Node.js v"));
    (place, error.or_else(last).unwrap_or_default().to_owned())
}

/// The place in a deployed file that a program names, as in `parsing [/run/tunelab/files/haproxy.cfg:12]`.
pub fn place(said: &str) -> Option<(String, Option<u32>)> {
    let rest = said.split(guest::FILES).nth(1)?.strip_prefix('/')?;
    let ends = |c: char| c.is_whitespace() || matches!(c, ':' | ']' | '\'' | '"' | ',' | ')');
    let name = rest.split(ends).next().filter(|name| !name.is_empty())?;
    let line = rest[name.len()..].strip_prefix(':').and_then(number);
    Some((format!("{}/{name}", guest::FILES), line))
}

/// The digits that a text begins with.
fn number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `TypeError: x`, `Error [ERR_X]: y`.
fn is_error(line: &str) -> bool {
    let name = line.split([':', ' ']).next().unwrap_or_default();
    name.ends_with("Error") && name.bytes().all(|b| b.is_ascii_alphanumeric()) && line.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunelab_protocol::Fault;

    const PATH: &str = "/run/tunelab/files/nginx.conf";
    const CONFIG: &str = "http {\n  # listen 80; /etc/x.pem\n  listen 80;\n  ssl_certificate /etc/x.pem;\n  ssl_certificate_key my.key;\n}\n";

    fn refused(said: &str) -> (String, Option<u32>, String) {
        let mistake = nginx(said, PATH, CONFIG).unwrap();
        let Fault::File { path, line } = &mistake.fault else { panic!("{mistake:?}") };
        (path.clone(), *line, mistake.to_string())
    }

    #[test]
    fn nginx_says_where() {
        let said = "nginx: [warn] x\nnginx: [emerg] unknown directive \"fo\" in /run/tunelab/files/other.conf:12\n";
        let what = "nginx refuses it: unknown directive \"fo\"";
        assert_eq!(refused(said), ("/run/tunelab/files/other.conf".into(), Some(12), what.into()));
        let logged = format!("2026/01/01 00:00:00 [emerg] 7#7: host not found in upstream \"app\" in {PATH}:3");
        assert_eq!(
            refused(&logged),
            (PATH.into(), Some(3), "nginx refuses it: host not found in upstream \"app\"".into())
        );
    }

    #[test]
    fn or_quotes_what_stands_there() {
        let missing = "nginx: [emerg] cannot load certificate \"/etc/x.pem\": BIO_new_file() failed (SSL: error)";
        assert_eq!(refused(missing).1, Some(4));
        let below = "nginx: [emerg] cannot load certificate key \"/run/tunelab/files/my.key\": BIO_new_file() failed";
        assert_eq!(refused(below).1, Some(5));
        let bind = "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)";
        assert_eq!(refused(bind).1, Some(3));
        let (file, line, what) = refused("nginx: [emerg] unexpected end of file in /etc/nginx/mime.types:7");
        assert_eq!((&file[..], line), (PATH, None));
        assert!(what.ends_with("in /etc/nginx/mime.types:7"));
    }

    #[test]
    fn a_warning_is_no_refusal() {
        assert_eq!(nginx("nginx: [warn] the \"user\" directive makes sense only for root", PATH, CONFIG), None);
    }

    #[test]
    fn any_program_may_say_where() {
        let said = "[ALERT] (95) : config : parsing [/run/tunelab/files/haproxy.cfg:12] : unknown keyword 'x'\n";
        assert_eq!(place(said), Some(("/run/tunelab/files/haproxy.cfg".into(), Some(12))));
        assert_eq!(place("cannot open '/run/tunelab/files/a.conf'"), Some(("/run/tunelab/files/a.conf".into(), None)));
        assert_eq!(place("bad option at line 3 of x"), None);
    }

    #[test]
    fn node_says_where() {
        const PROGRAM: &str = "/run/tunelab/files/app.js";
        let syntax = format!(
            "{PROGRAM}:3\nvar = 1;\n    ^\n\nSyntaxError: Unexpected token '='\n    at wrap (x:1)\n\nNode.js v18.19.0\n"
        );
        assert_eq!(node(&syntax, PROGRAM), (Some(3), "SyntaxError: Unexpected token '='".into()));
        let bind = format!(
            "node:events:491\n      throw er;\n\nError: listen EADDRINUSE: address already in use :::80\n    at Server.x (node:net:1)\n    at Object.<anonymous> ({PROGRAM}:20:8)\n  code: 'EADDRINUSE'\n}}\n\nNode.js v18.19.0\n"
        );
        assert_eq!(node(&bind, PROGRAM), (Some(20), "Error: listen EADDRINUSE: address already in use :::80".into()));
        assert_eq!(node("I give up\n", PROGRAM), (None, "I give up".into()));
        assert_eq!(node("", PROGRAM), (None, String::new()));
    }
}
