//! Netlink: requests to the kernel and what it answers, as bodies of a fixed part and attributes.
//!
//! netlink-packet-core frames them. The crates that know every message of rtnetlink and ctnetlink took a third of the
//! agent's build, and of those messages the agent needs nine.

use anyhow::{Result, anyhow, bail};
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlasIterator,
};
use netlink_sys::{Socket, SocketAddr};

/// The bytes of `struct nlattr` before the value.
const HEADER: usize = 4;

/// A kind and a value, `struct nlattr`.
pub type Attribute = DefaultNla;

/// A message without its netlink header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// `RTM_NEWLINK` and the like.
    pub kind: u16,
    /// The fixed part (`struct ifinfomsg` and the like), then the attributes.
    pub bytes: Vec<u8>,
}

pub type Message = NetlinkMessage<Body>;

impl Body {
    pub fn new(kind: u16, fixed: &[u8], attributes: &[Attribute]) -> Self {
        Body { kind, bytes: join(fixed, attributes) }
    }
}

pub fn attribute(kind: u16, value: impl Into<Vec<u8>>) -> Attribute {
    DefaultNla::new(kind, value.into())
}

/// A text with the zero byte that the kernel's strings end with.
pub fn text(kind: u16, value: &str) -> Attribute {
    attribute(kind, [value.as_bytes(), &[0]].concat())
}

pub fn number(kind: u16, value: u32) -> Attribute {
    attribute(kind, value.to_ne_bytes())
}

/// An attribute made of attributes, behind a fixed part if it has one.
pub fn nested(kind: u16, fixed: &[u8], attributes: &[Attribute]) -> Attribute {
    attribute(kind, join(fixed, attributes))
}

fn join(fixed: &[u8], attributes: &[Attribute]) -> Vec<u8> {
    let mut bytes = vec![0; fixed.len() + attributes.buffer_len()];
    bytes[..fixed.len()].copy_from_slice(fixed);
    attributes.emit(&mut bytes[fixed.len()..]);
    bytes
}

/// The kind and value of each attribute in a message or an attribute, up to the first that is cut off.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(Result::ok).map(|attribute| {
        let (kind, length) = (attribute.kind(), attribute.length() as usize);
        (kind, &attribute.into_inner()[HEADER..length])
    })
}

/// The value of the attribute of this kind.
pub fn value(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(is, value)| (is == kind).then_some(value))
}

impl NetlinkSerializable for Body {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.bytes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.bytes);
    }
}

impl NetlinkDeserializable for Body {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Body { kind: header.message_type, bytes: payload.to_vec() })
    }
}

/// The bytes of a message with its netlink header, as it is sent.
pub fn framed(body: Body, flags: u16) -> Vec<u8> {
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(body));
    message.header.flags = flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Sends a request; `flags` beside `NLM_F_REQUEST`.
pub fn send(socket: &Socket, body: Body, flags: u16) -> Result<()> {
    socket.send_to(&framed(body, NLM_F_REQUEST | flags), &SocketAddr::new(0, 0), 0)?;
    Ok(())
}

/// Sends a request and waits until the kernel says that it is done. A refusal of the kernel is an [`std::io::Error`].
pub fn ask(socket: &Socket, body: Body, flags: u16) -> Result<()> {
    send(socket, body, NLM_F_ACK | flags)?;
    let (answer, _) = socket.recv_from_full()?;
    match messages(&answer)?.into_iter().next().map(|message| message.payload) {
        Some(NetlinkPayload::Error(e)) if e.code.is_none() => Ok(()),
        Some(NetlinkPayload::Error(e)) => Err(e.to_io().into()),
        other => bail!("the kernel answered {other:?}"),
    }
}

/// All messages of one datagram.
pub fn messages(mut bytes: &[u8]) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        messages.push(NetlinkMessage::deserialize(bytes).map_err(|e| anyhow!("netlink: {e}"))?);
        let length = NetlinkBuffer::new_checked(&bytes).map_err(|e| anyhow!("netlink: {e}"))?.length() as usize;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_padded_to_four_bytes_and_its_length_is_its_own() {
        let body = Body::new(16, &[7; 4], &[text(3, "eth0"), number(4, 1)]);
        assert_eq!(body.bytes[..4], [7; 4]);
        assert_eq!(body.bytes[4..16], *b"\x09\0\x03\0eth0\0\0\0\0");
        assert_eq!(body.bytes[16..], *b"\x08\0\x04\0\x01\0\0\0");
    }

    #[test]
    fn what_is_nested_is_read_as_it_was_written() {
        let inner = nested(20, &[], &[attribute(1, 5u64.to_be_bytes()), text(2, "x")]);
        let body = Body::new(16, &[], &[number(9, 9), inner]);
        let read: Vec<(u16, &[u8])> = attributes(value(&body.bytes, 20).unwrap()).collect();
        assert_eq!(read, [(1, &5u64.to_be_bytes()[..]), (2, b"x\0")]);
        assert_eq!(value(&body.bytes, 7), None);
    }

    #[test]
    fn an_attribute_that_is_cut_off_ends_the_list() {
        let body = Body::new(16, &[], &[number(1, 1), text(2, "a long text")]);
        assert_eq!(attributes(&body.bytes[..12]).count(), 1);
    }

    #[test]
    fn a_datagram_of_two_messages_is_read_whole() {
        let one = |kind| framed(Body::new(kind, &[1, 2, 3, 4], &[text(1, "ab")]), 0);
        let read = messages(&[one(256), one(258)].concat()).unwrap();
        let kinds = read.iter().map(|message| match &message.payload {
            NetlinkPayload::InnerMessage(body) => body.kind,
            other => panic!("{other:?}"),
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [256, 258]);
    }
}
