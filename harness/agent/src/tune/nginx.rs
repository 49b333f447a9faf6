//! Directives of an nginx configuration outside of all braces.

/// The first argument of a directive: `error_log /var/log/nginx/error.log warn;`.
pub fn directive<'a>(config: &'a str, name: &str) -> Option<&'a str> {
    config.lines().find_map(|line| {
        let mut words = line.trim().trim_end_matches(';').split_whitespace();
        (words.next() == Some(name)).then(|| words.next()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::directive;

    #[test]
    fn first_arguments() {
        let config = "# pid /no;\npid /run/nginx.pid;\nerror_log /tmp/a.log warn;\nhttp {\n}\n";
        assert_eq!(directive(config, "pid"), Some("/run/nginx.pid"));
        assert_eq!(directive(config, "error_log"), Some("/tmp/a.log"));
        assert_eq!(directive(config, "user"), None);
        assert_eq!(directive("pid", "pid"), None);
    }
}
