//! A client of a name server: a query for the address of each name (RFC 1035).

use super::{client::Client, datagram, failed::Failed};
use tunelab_protocol::Outcome;

pub async fn ask(client: &Client) -> Result<(), Failed> {
    let id = |number: usize| (client.number as u16).wrapping_mul(31).wrapping_add(number as u16);
    datagram::ask_all(client, |number, name| query(id(number), name), |answer, number| read(answer, id(number))).await
}

/// A query for an A record, with recursion.
fn query(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    // Recursion desired; one question, and nothing else.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    // The root, type A, class IN.
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Reads an answer to the query of this number: served, or its error (RCODE) by name. `None`: it is another's.
fn read(answer: &[u8], id: u16) -> Option<Result<(), Failed>> {
    let ours = answer.get(..2)? == id.to_be_bytes() && answer.get(2)? & 0x80 != 0;
    let error = match answer.get(3)? & 15 {
        0 => return ours.then_some(Ok(())),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        5 => "REFUSED".to_owned(),
        other => format!("RCODE{other}"),
    };
    ours.then_some(Err(Failed { outcome: Outcome::Status, error: Some(error) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_and_its_answers() {
        let mut message = query(7, "a.test");
        assert_eq!(message[12..], *b"\x01a\x04test\x00\x00\x01\x00\x01");
        assert_eq!(read(&message, 7), None, "a query is no answer");
        message[2] |= 0x80;
        assert_eq!(read(&message, 7), Some(Ok(())));
        assert_eq!(read(&message, 8), None);
        message[3] |= 3;
        let failed = read(&message, 7).unwrap().unwrap_err();
        assert_eq!((failed.outcome, failed.error.as_deref()), (Outcome::Status, Some("NXDOMAIN")));
    }
}
