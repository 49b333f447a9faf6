//! The counters of /proc/net/netstat and /proc/net/snmp, by the kernel's names: `TcpExt.ListenOverflows`.

use super::{Look, Read, Sampled, Scope, Values, text};

/// The probe; its readings are the counters of [`crate::readings::COUNTERS`].
pub const PROBE: Sampled = Sampled {
    key: "netstat",
    about: "the counters of /proc/net/netstat and /proc/net/snmp that moved",
    scope: Scope::Host,
    modules: &[],
    readings: &[],
    read,
};

fn read(_: &Look<'_>) -> Read {
    let mut values = Values::new();
    for path in ["/proc/net/netstat", "/proc/net/snmp"] {
        values.extend(parse(&text(path)?));
    }
    Ok(values)
}

/// Parses pairs of lines, names and numbers, each beginning with the group's name. Settings (-1) are left out.
fn parse(text: &str) -> Values {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.chunks_exact(2).flat_map(|pair| {
        let group = pair[0].split(':').next().unwrap_or_default();
        let (names, numbers) = (pair[0].split_whitespace().skip(1), pair[1].split_whitespace().skip(1));
        names.zip(numbers).map(move |(name, number)| (format!("{group}.{name}"), number))
    });
    pairs.filter_map(|(name, number)| Some((name, number.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn minus_ones_are_left_out() {
        let values = super::parse("Tcp: MaxConn ActiveOpens OutRsts\nTcp: -1 7 0\n");
        assert_eq!(
            values.into_iter().collect::<Vec<_>>(),
            [("Tcp.ActiveOpens".to_string(), 7), ("Tcp.OutRsts".to_string(), 0)]
        );
    }
}
