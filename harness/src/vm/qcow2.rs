//! An empty qcow2 image, into which QEMU puts a snapshot and, over a disk, what its guest writes.
//!
//! It is written here because QEMU's own way (`blockdev-create`) waits for ever under `rr=record` (7.2: its drain is an
//! event of the record, and a stopped machine has none), and `qemu-img` is a package of its own.

/// Cluster sizes are powers of two; this is QEMU's default.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: usize = 1 << CLUSTER_BITS;
/// A cluster of references to clusters maps this many bytes of the disk.
const MAPPED: u64 = (CLUSTER as u64 / 8) << CLUSTER_BITS;

/// Makes the header, refcount table, refcount block and L1 table, a cluster each (QEMU's docs/interop/qcow2.txt,
/// version 3). The disk is of `size_bytes`, 4 TiB at most. QEMU learns which disk lies under it, if any, when it opens
/// the image.
pub fn empty(size_bytes: u64) -> Vec<u8> {
    let mappings = u32::try_from(size_bytes.div_ceil(MAPPED)).unwrap_or(u32::MAX);
    assert!(mappings as usize <= CLUSTER / 8, "a disk of {size_bytes} bytes needs more than a cluster of mappings");
    let mut image = vec![0; 4 * CLUSTER];
    let mut put = |offset: usize, value: &[u8]| image[offset..offset + value.len()].copy_from_slice(value);
    put(0, b"QFI\xfb");
    put(4, &3u32.to_be_bytes());
    put(20, &CLUSTER_BITS.to_be_bytes());
    put(24, &size_bytes.to_be_bytes());
    put(36, &mappings.to_be_bytes());
    put(40, &(3 * CLUSTER as u64).to_be_bytes());
    put(48, &(CLUSTER as u64).to_be_bytes());
    put(56, &1u32.to_be_bytes());
    // Refcounts of 2^4 bits; a header of 104 bytes.
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(CLUSTER, &(2 * CLUSTER as u64).to_be_bytes());
    (0..4).for_each(|used| put(2 * CLUSTER + 2 * used, &1u16.to_be_bytes()));
    image
}
