//! The head of an HTTP message, as far as both ends need it.

/// The position behind the blank line that ends the head; `None`: it has not come yet.
pub fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The length of the body, if the head says it.
pub fn content_length(head: &str) -> Option<u64> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_lengths() {
        assert_eq!(end(b"GET / HTTP/1.1\r\n\r\nbody"), Some(18));
        assert_eq!(end(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(content_length("HTTP/1.1 200 OK\r\ncontent-Length: 12\r\n\r\n"), Some(12));
        assert_eq!(content_length("GET / HTTP/1.1\r\n\r\n"), None);
    }
}
