//! The types a value can have in a scenario file, and how each is read.

use super::{
    problems::Problems,
    section::{Read, Value, a_kind},
    units::{BitRate, Bytes, Micros, Ppm, Scale},
    words,
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{Http, IpNet, Listen};

pub use super::units::Rate;

/// Returns the text of a string, or reports that the value is none.
pub fn text<'a>(value: &'a Value<'_>, problems: &Problems, expected: &str) -> Option<&'a str> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        let message = format!("expected {expected}, found {}", a_kind(value.get_ref()));
        problems.report(value.span(), message, format!("should be {expected}"));
    }
    text
}

fn parsed<T: FromStr<Err = String>>(value: &Value<'_>, problems: &Problems, expected: &str) -> Option<T> {
    text(value, problems, expected)?
        .parse()
        .map_err(|wrong: String| problems.report(value.span(), wrong, format!("should be {expected}")))
        .ok()
}

fn integer<T: TryFrom<i128>>(value: &Value<'_>, problems: &Problems, expected: &str) -> Option<T> {
    let DeValue::Integer(integer) = value.get_ref() else {
        let message = format!("expected {expected}, found {}", a_kind(value.get_ref()));
        problems.report(value.span(), message, format!("should be {expected}"));
        return None;
    };
    let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|n| T::try_from(n).ok());
    if number.is_none() {
        problems.report(value.span(), format!("`{}` is not {expected}", integer.as_str()), "out of range");
    }
    number
}

impl Read for String {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let text = text(value, problems, "a string")?;
        shown(value, problems, words::check_text(text)).then(|| text.to_owned())
    }
}

/// Whether the check by a rule of [`words`] passed; if not, the reason is reported.
pub fn shown(value: &Value<'_>, problems: &Problems, checked: Result<(), String>) -> bool {
    checked.map_err(|why| problems.report(value.span(), why, "not here")).is_ok()
}

/// The path that a request asks for.
#[derive(Clone)]
pub struct RequestPath(pub String);

impl Read for RequestPath {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let path = text(value, problems, "a path such as `/`")?;
        if let Err(why) = words::check_path(path) {
            let hint = "it begins with `/`, and what is no letter of ASCII, or a blank, is written as `%20`";
            problems.report_with_hint(value.span(), why, "should be a path such as `/poll`", hint);
            return None;
        }
        Some(RequestPath(path.to_owned()))
    }
}

/// A name that a query asks for.
#[derive(Clone)]
pub struct HostName(pub String);

impl Read for HostName {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let name = text(value, problems, "a name such as `example.test`")?;
        let good = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        let whole = name.len() <= 253 && name.split('.').all(good);
        let checked = if whole { Ok(()) } else { Err(format!("`{name}` is no name of a host")) };
        shown(value, problems, checked).then(|| HostName(name.to_owned()))
    }
}

/// The text that a client of TCP sends: any characters, line ends too.
#[derive(Clone)]
pub struct Payload(pub String);

impl Read for Payload {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        text(value, problems, "a text such as `PING\\r\\n`").map(|text| Payload(text.to_owned()))
    }
}

/// A TCP or UDP port; 0 would mean any port.
pub struct Port(pub u16);

impl Read for Port {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let port = integer(value, problems, "a port from 1 to 65535")?;
        if port == 0 {
            problems.report(value.span(), "port 0 cannot be used", "should be a port from 1 to 65535");
        }
        Some(Port(port))
    }
}

/// Bytes of an answer. There is a limit, because the process that gives the answer holds it in memory.
pub struct Body(pub u64);

impl Read for Body {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let Bytes(bytes) = Bytes::read(value, problems)?;
        let checked = if bytes <= 1 << 30 { Ok(()) } else { Err("an answer has at most `1 GiB`".to_owned()) };
        shown(value, problems, checked).then_some(Body(bytes))
    }
}

/// A setting by its dotted name.
pub struct SysctlName(pub String);

impl Read for SysctlName {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let name = text(value, problems, "a sysctl such as `net.ipv4.tcp_tw_reuse`")?;
        let checked = if words::is_sysctl(name) { Ok(()) } else { Err(format!("`{name}` is no sysctl")) };
        shown(value, problems, checked).then(|| SysctlName(name.to_owned()))
    }
}

/// A text that is not blank.
pub struct Filled(pub String);

impl Read for Filled {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let text = String::read(value, problems)?;
        let checked = if text.trim().is_empty() { Err("this text is empty".to_owned()) } else { Ok(()) };
        shown(value, problems, checked).then_some(Filled(text))
    }
}

/// A duration that must not be zero, in microseconds.
pub struct SomeTime(pub u64);

impl Read for SomeTime {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let Micros(time) = Micros::read(value, problems)?;
        if time == 0 {
            problems.report(value.span(), "this time is 0", "should be above zero");
        }
        (time > 0).then_some(SomeTime(time))
    }
}

impl Read for bool {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let message = format!("expected `true` or `false`, found {}", a_kind(value.get_ref()));
            problems.report(value.span(), message, "should be `true` or `false`");
        }
        flag
    }
}

/// Bytes ahead, or behind, in the stream of a connection: half of its sequence numbers are ahead, half behind.
pub struct Offset(pub i32);

impl Read for Offset {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        integer(value, problems, "a number of bytes from -2147483648 to 2147483647").map(Offset)
    }
}

impl Read for u16 {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        integer(value, problems, "a number from 0 to 65535")
    }
}

impl Read for u32 {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        integer(value, problems, "a whole number")
    }
}

impl Read for u64 {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        integer(value, problems, "a whole number")
    }
}

impl Read for Micros {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a time such as `10 ms`")
    }
}

impl Read for Bytes {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a size such as `1 GiB`")
    }
}

impl Read for Ppm {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a share such as `0.5 %`")
    }
}

impl Read for BitRate {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a rate such as `10 Mbit/s`")
    }
}

impl Read for Scale {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a scale such as `1/100`")
    }
}

impl Read for Rate {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        parsed(value, problems, "a rate such as `200/min`")
    }
}

/// Reads `10.1.0.0/16`, `fd01::/64`, or one address.
impl Read for IpNet {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let written = text(value, problems, "addresses such as `10.1.0.0/16`")?;
        let refuse = |message: String| {
            problems.report(value.span(), message, "should be addresses such as `10.1.0.0/16` or `10.1.0.7`");
            None
        };
        if let Ok(one) = written.parse::<IpAddr>() {
            return Some(one.into());
        }
        let Ok(net) = written.parse::<IpNet>() else {
            return refuse(format!("`{written}` is neither a subnet nor an address"));
        };
        match net {
            _ if net.trunc() != net => refuse(format!("`{written}` has host bits set")),
            IpNet::V4(net) if net.prefix_len() < 8 || net.prefix_len() == 31 => {
                refuse(format!("`/{}` is not a prefix length from 8 to 30, nor 32", net.prefix_len()))
            }
            IpNet::V6(net) if net.prefix_len() < 32 => {
                refuse(format!("`/{}` is not a prefix length from 32 to 128", net.prefix_len()))
            }
            net => Some(net),
        }
    }
}

impl Read for IpAddr {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let written = text(value, problems, "an address such as `10.0.0.1`")?;
        let address = written.parse().ok();
        if address.is_none() {
            problems.report(value.span(), format!("`{written}` is not an IP address"), "should be an IP address");
        }
        address
    }
}

impl Read for Http {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        match text(value, problems, "`HTTP/1.0` or `HTTP/1.1`")? {
            "HTTP/1.0" => Some(Http::V1_0),
            "HTTP/1.1" => Some(Http::V1_1),
            other => {
                let message = format!("unknown protocol `{other}`");
                problems.unknown(value.span(), message, other, &["HTTP/1.0", "HTTP/1.1"]);
                None
            }
        }
    }
}

/// Reads `unix:/path`, `address:port`, or `:port` for all IPv4 addresses.
impl Read for Listen {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let written = text(value, problems, "`unix:/path` or `address:port`")?;
        if !shown(value, problems, words::check_text(written)) {
            return None;
        }
        let all = |port: &str| Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port.parse().ok()?));
        let listen = match written.strip_prefix("unix:") {
            // A socket's address has room for this many bytes, with the zero that ends the path.
            Some(path) if path.starts_with('/') && path.len() < 108 => Some(Listen::Unix(path.into())),
            Some(_) => None,
            None => written.parse().ok().or_else(|| all(written.strip_prefix(':')?)).map(Listen::Tcp),
        };
        let listen = listen.filter(|listen| match listen {
            Listen::Tcp(address) | Listen::Udp(address) => address.port() != 0,
            Listen::Unix(_) => true,
        });
        if listen.is_none() {
            let message = format!("a service cannot listen at `{written}`");
            problems.report(value.span(), message, "should be `unix:/path`, `address:port` or `:port`");
        }
        listen
    }
}

/// Returns each element that is right; each that is wrong is reported where it stands.
impl<T: Read> Read for Vec<T> {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            let message = format!("expected an array, found {}", a_kind(value.get_ref()));
            problems.report(value.span(), message, "should be an array");
            return None;
        };
        Some(array.iter().filter_map(|element| T::read(element, problems)).collect())
    }
}

/// Keeps the place of the value, for checks that are only possible later.
impl<T: Read> Read for Spanned<T> {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        T::read(value, problems).map(|inner| Spanned::new(value.span(), inner))
    }
}

/// A value that may stand alone or in an array: `path = "/"`, `path = ["/", "/poll"]`.
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Array(_) => Vec::read(value, problems).map(OneOrMany),
            _ => T::read(value, problems).map(|one| OneOrMany(vec![one])),
        }
    }
}

/// A sysctl's value: `1`, `"18000 65535"`.
pub struct Setting(pub String);

impl Read for Setting {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Integer(_) => integer::<i64>(value, problems, "a whole number").map(|n| Setting(n.to_string())),
            _ => {
                let text = text(value, problems, "a number or a string")?;
                let filled = if text.trim().is_empty() { Err("this sets nothing".to_owned()) } else { Ok(()) };
                shown(value, problems, words::check_text(text).and(filled)).then(|| Setting(text.to_owned()))
            }
        }
    }
}
