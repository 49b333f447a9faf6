//! Removes from an ext4 image what mke2fs before 1.47.1 takes from the moment: the change times of inodes.

use std::{
    fs::File,
    io::{self, Error},
    os::unix::fs::FileExt,
    path::Path,
};

const SUPERBLOCK_AT: u64 = 1024;
const MAGIC: u16 = 0xef53;

/// Sets every inode's other times to its mtime, none of them later than `latest` (seconds since 1970), and the file
/// system's own times to 0. It works only on file systems without `metadata_csum` (inodes carry no checksum) and
/// without `64bit`, as `pack.sh` makes them. Offsets: Documentation/filesystems/ext4 of Linux.
pub fn forget_times(image: &Path, latest: u32) -> io::Result<()> {
    let (file, sb) = each_inode(image, |inode| forget_inode_times(inode, latest))?;
    let (inodes, per_group) = (u32_at(&sb, 0), u32_at(&sb, 0x28));
    forget_superblock_times(&file, SUPERBLOCK_AT)?;
    let group_bytes = u64::from(u32_at(&sb, 0x20)) * block_bytes(&sb);
    for at in (1..inodes.div_ceil(per_group)).map(|group| u64::from(group) * group_bytes) {
        let mut copy = [0; 1024];
        file.read_exact_at(&mut copy, at)?;
        // Some groups begin with a copy of the superblock, recognised by magic and UUID.
        if u16_at(&copy, 0x38) == MAGIC && copy[0x68..0x78] == sb[0x68..0x78] {
            forget_superblock_times(&file, at)?;
        }
    }
    Ok(())
}

/// Makes root own everything: otherwise the files of `mke2fs -d` belong to the user who ran it. It works on the same
/// file systems.
pub fn forget_owners(image: &Path) -> io::Result<()> {
    // The low and high halves of uid and gid.
    let forget = |inode: &mut [u8]| [0x02, 0x18, 0x78, 0x7a].into_iter().for_each(|at| inode[at..at + 2].fill(0));
    each_inode(image, forget).map(drop)
}

/// Edits every inode, and returns the file and its superblock.
fn each_inode(image: &Path, edit: impl Fn(&mut [u8])) -> io::Result<(File, [u8; 1024])> {
    let file = File::options().read(true).write(true).open(image)?;
    let mut sb = [0; 1024];
    file.read_exact_at(&mut sb, SUPERBLOCK_AT)?;
    if u16_at(&sb, 0x38) != MAGIC || u32_at(&sb, 0x64) & 0x400 != 0 || u32_at(&sb, 0x60) & 0x80 != 0 {
        return Err(Error::other("not an ext4 file system as this harness makes them"));
    }
    let block_bytes = block_bytes(&sb);
    let (inodes, per_group, inode_bytes) = (u32_at(&sb, 0), u32_at(&sb, 0x28), u16_at(&sb, 0x58) as usize);
    let descriptors_at = if block_bytes == 1024 { 2048 } else { block_bytes };
    for group in 0..inodes.div_ceil(per_group) {
        let mut descriptor = [0; 32];
        file.read_exact_at(&mut descriptor, descriptors_at + u64::from(group) * 32)?;
        let table_at = u64::from(u32_at(&descriptor, 8)) * block_bytes;
        let mut table = vec![0; per_group as usize * inode_bytes];
        file.read_exact_at(&mut table, table_at)?;
        table.chunks_exact_mut(inode_bytes).for_each(&edit);
        file.write_all_at(&table, table_at)?;
    }
    Ok((file, sb))
}

fn block_bytes(superblock: &[u8]) -> u64 {
    1024 << u32_at(superblock, 0x18)
}

/// Clears s_mtime, s_wtime, s_lastcheck and s_mkfs_time.
fn forget_superblock_times(file: &File, superblock_at: u64) -> io::Result<()> {
    [0x2c, 0x30, 0x40, 0x108].into_iter().try_for_each(|at| file.write_all_at(&[0; 4], superblock_at + at))
}

fn forget_inode_times(inode: &mut [u8], latest: u32) {
    let mtime = u32_at(inode, 0x10).min(latest).to_le_bytes();
    // i_atime, i_ctime, i_mtime, i_crtime; then the sub-second parts of ctime, mtime, atime and crtime.
    for at in [0x08, 0x0c, 0x10, 0x90] {
        inode[at..at + 4].copy_from_slice(&mtime);
    }
    for at in [0x84, 0x88, 0x8c, 0x94] {
        inode[at..at + 4].fill(0);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
