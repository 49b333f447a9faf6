//! Partition tables: GPT, MBR's four primary partitions, or none at all. Numbers are those of Linux.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
};

/// The sector size of every disk image that is published: 4096 is for real hardware.
const SECTOR: u64 = 512;
/// More entries than any table has; 128 is usual.
const MOST_ENTRIES: u32 = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// 1 is `/dev/vda1`; 0 is the whole disk.
    pub number: u32,
    /// The start in bytes.
    pub start: u64,
}

impl Partition {
    /// Its name on a machine's first disk.
    pub fn device(number: u32) -> String {
        if number == 0 { "/dev/vda".into() } else { format!("/dev/vda{number}") }
    }
}

pub fn read(disk: &File) -> io::Result<Vec<Partition>> {
    let mut first = [0; 2 * SECTOR as usize];
    match disk.read_exact_at(&mut first, 0) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(Vec::new()),
        read => read?,
    }
    let (boot, header) = first.split_at(SECTOR as usize);
    if header.starts_with(b"EFI PART") {
        return gpt(disk, header);
    }
    let partitions = mbr(boot);
    Ok(if partitions.is_empty() { vec![Partition { number: 0, start: 0 }] } else { partitions })
}

/// Reads a GPT. UEFI specification, 5.3: the header says where the entries are and how long each is.
fn gpt(disk: &File, header: &[u8]) -> io::Result<Vec<Partition>> {
    let (at, count, size) = (u64_at(header, 72) * SECTOR, u32_at(header, 80), u32_at(header, 84) as usize);
    if count > MOST_ENTRIES || !(128..=4096).contains(&size) {
        return Err(io::Error::other("its partition table makes no sense"));
    }
    let mut entries = vec![0; count as usize * size];
    disk.read_exact_at(&mut entries, at)?;
    let numbered = entries.chunks_exact(size).zip(1..);
    // An entry with a type of zeros is not in use.
    let used = numbered.filter(|(entry, _)| entry[..16] != [0; 16]);
    Ok(used.map(|(entry, number)| Partition { number, start: u64_at(entry, 32) * SECTOR }).collect())
}

/// Reads an MBR. The first sector of a file system may end in the same two bytes: entries must look like entries.
fn mbr(boot: &[u8]) -> Vec<Partition> {
    const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
    if boot[510..] != [0x55, 0xaa] {
        return Vec::new();
    }
    let entries: Vec<_> = boot[446..510].chunks_exact(16).zip(1..).collect();
    if entries.iter().any(|(entry, _)| entry[0] & 0x7f != 0) {
        return Vec::new();
    }
    let used = entries.into_iter().filter(|(entry, _)| entry[4] != 0 && !EXTENDED.contains(&entry[4]));
    used.map(|(entry, number)| Partition { number, start: u64::from(u32_at(entry, 8)) * SECTOR }).collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(parts: &[(usize, &[u8])]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        for (at, bytes) in parts {
            file.write_all_at(bytes, *at as u64).unwrap();
        }
        file
    }

    fn found(disk: &File) -> Vec<(u32, u64)> {
        read(disk).unwrap().into_iter().map(|p| (p.number, p.start)).collect()
    }

    /// Ubuntu 12.04: one primary partition.
    #[test]
    fn mbr_of_one_partition() {
        let mut entry = [0; 16];
        (entry[0], entry[4], entry[8], entry[9]) = (0x80, 0x83, 0x45, 0x3e);
        assert_eq!(found(&disk(&[(446, &entry), (510, &[0x55, 0xaa])])), [(1, 0x3e45 * 512)]);
    }

    /// Ubuntu 24.04, Debian 12: root is 1, and the boot partitions come before it on the disk.
    #[test]
    fn gpt_with_numbers_out_of_order() {
        let mut header = [0; 512];
        header[..8].copy_from_slice(b"EFI PART");
        (header[72], header[80], header[84]) = (2, 16, 128);
        let entry = |start: u64| [&[1; 32][..], &start.to_le_bytes()].concat();
        let table = disk(&[(512, &header), (1024, &entry(227_328)), (1024 + 13 * 128, &entry(2048))]);
        assert_eq!(found(&table), [(1, 227_328 * 512), (14, 2048 * 512)]);
        (header[80], header[81]) = (0xff, 0xff);
        assert!(read(&disk(&[(512, &header)])).is_err());
    }

    #[test]
    fn a_file_system_alone() {
        assert_eq!(found(&disk(&[])), [(0, 0)]);
        assert_eq!(found(&disk(&[(446, &[0x31; 64]), (510, &[0x55, 0xaa])])), [(0, 0)]);
        assert_eq!((Partition::device(0), Partition::device(1)), ("/dev/vda".into(), "/dev/vda1".into()));
    }
}
