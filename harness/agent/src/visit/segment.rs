//! A TCP segment in an Ethernet frame, as a packet socket sees it: its parts, and others made of it.

use std::net::SocketAddrV4;

/// Bytes before the IP header.
pub const ETHERNET: usize = 14;
/// Flags of TCP (RFC 9293, 3.1).
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

/// The positions of the parts of a frame.
pub struct Segment {
    pub source: SocketAddrV4,
    pub flags: u8,
    /// Bytes of data.
    pub payload: usize,
    tcp: usize,
    end: usize,
}

impl Segment {
    pub fn of(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(ETHERNET..)?;
        let (header, total) =
            (usize::from(*ip.first()? & 15) * 4, usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?])));
        if ip[0] >> 4 != 4 || *ip.get(9)? != libc::IPPROTO_TCP as u8 {
            return None;
        }
        let tcp = ETHERNET + header;
        let end = (ETHERNET + total).min(frame.len());
        let offset = usize::from(*frame.get(tcp + 12)? >> 4) * 4;
        let port = u16::from_be_bytes([frame[tcp], frame[tcp + 1]]);
        let source = SocketAddrV4::new(<[u8; 4]>::try_from(ip.get(12..16)?).ok()?.into(), port);
        Some(Segment { source, tcp, end, flags: *frame.get(tcp + 13)?, payload: end.checked_sub(tcp + offset)? })
    }

    /// Says whether it is an ACK and nothing else, without data.
    pub fn is_pure_ack(&self) -> bool {
        self.flags == ACK && self.payload == 0
    }

    /// The same frame, so many bytes further on in the stream.
    pub fn moved(frame: &[u8], offset: i32) -> Option<Vec<u8>> {
        let Segment { tcp, .. } = Segment::of(frame)?;
        let mut frame = frame.to_vec();
        let number = sequence(&frame, tcp).wrapping_add_signed(offset);
        frame[tcp + 4..tcp + 8].copy_from_slice(&number.to_be_bytes());
        complete_checksum(&mut frame);
        Some(frame)
    }

    /// A frame with these flags and no data, so many bytes after what follows this one in the stream. Its options, and
    /// so its timestamp, are those of this frame.
    pub fn next(frame: &[u8], flags: u8, offset: i32) -> Option<Vec<u8>> {
        let Segment { tcp, end, payload, flags: had, .. } = Segment::of(frame)?;
        let mut next = frame[..end - payload].to_vec();
        // SYN and FIN count as a byte of the stream.
        let length = payload as u32 + u32::from(had & (SYN | FIN) != 0);
        let number = sequence(frame, tcp).wrapping_add(length).wrapping_add_signed(offset);
        next[tcp + 4..tcp + 8].copy_from_slice(&number.to_be_bytes());
        if flags & ACK == 0 {
            next[tcp + 8..tcp + 12].fill(0);
        }
        next[tcp + 13] = flags;
        let total = (next.len() - ETHERNET) as u16;
        next[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&total.to_be_bytes());
        next[ETHERNET + 10..ETHERNET + 12].fill(0);
        let sum = fold(sum_words(&next[ETHERNET..tcp]));
        next[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
        complete_checksum(&mut next);
        Some(next)
    }
}

fn sequence(frame: &[u8], tcp: usize) -> u32 {
    u32::from_be_bytes([frame[tcp + 4], frame[tcp + 5], frame[tcp + 6], frame[tcp + 7]])
}

/// Fills in the checksum that our own kernel leaves to the (virtual) card in a captured packet; we are that card now.
fn complete_checksum(frame: &mut [u8]) {
    let Some(Segment { tcp, end, .. }) = Segment::of(frame) else { return };
    frame[tcp + 16..tcp + 18].fill(0);
    let addresses = &frame[ETHERNET + 12..ETHERNET + 20];
    let pseudo = [0, libc::IPPROTO_TCP as u8, ((end - tcp) >> 8) as u8, (end - tcp) as u8];
    let sum = [addresses, &pseudo, &frame[tcp..end]].into_iter().map(sum_words).sum();
    frame[tcp + 16..tcp + 18].copy_from_slice(&fold(sum).to_be_bytes());
}

pub fn sum_words(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

pub fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: usize = ETHERNET + 20;

    /// A pure ACK as tcpdump shows one: 10.5.0.1:40000 > 10.0.0.1:80, without options.
    fn ack() -> Vec<u8> {
        let mut frame = vec![0; ETHERNET];
        frame[12] = 8;
        frame.extend([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 5, 0, 1, 10, 0, 0, 1]);
        frame.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0xaa, 0xaa, 0, 0]);
        frame
    }

    /// The same with four bytes of data.
    fn data() -> Vec<u8> {
        let mut frame = ack();
        frame[ETHERNET + 3] += 4;
        frame.extend(*b"data");
        frame
    }

    fn verifies(frame: &[u8]) -> bool {
        let pseudo = [0, 6, 0, (frame.len() - TCP) as u8];
        let sum = [&frame[ETHERNET + 12..TCP], &pseudo, &frame[TCP..]].into_iter().map(sum_words).sum();
        fold(sum) == 0
    }

    #[test]
    fn finds_a_pure_ack() {
        let found = Segment::of(&ack()).unwrap();
        assert!(found.is_pure_ack());
        assert_eq!(found.source, "10.5.0.1:40000".parse().unwrap());
        let mut fin = ack();
        fin[TCP + 13] = ACK | FIN;
        assert!(!Segment::of(&fin).unwrap().is_pure_ack());
        assert!(Segment::of(&[0; 20]).is_none());
    }

    #[test]
    fn a_moved_one_is_the_same_further_on() {
        let moved = Segment::moved(&data(), -3).unwrap();
        assert!(verifies(&moved));
        assert_eq!((sequence(&moved, TCP), &moved[TCP + 20..]), (u32::MAX - 1, &b"data"[..]));
    }

    #[test]
    fn the_next_one_follows_the_data() {
        let reset = Segment::next(&data(), RST, 1000).unwrap();
        assert!(verifies(&reset) && fold(sum_words(&reset[ETHERNET..TCP])) == 0);
        let found = Segment::of(&reset).unwrap();
        assert_eq!((sequence(&reset, TCP), found.flags, found.payload), (1 + 4 + 1000, RST, 0));
        assert_eq!(reset[TCP + 8..TCP + 12], [0; 4], "it acknowledges nothing");
        assert_eq!(Segment::next(&ack(), ACK, 0).unwrap()[TCP + 8..TCP + 12], [0, 0, 0, 2]);
    }
}
