//! Unpacks every packing of modules, kernels and the parts of packages since 2012.

use liblzma::{read::XzDecoder, stream::Stream};
use std::io::{Error, ErrorKind, Read, Result};

type Plain<'a> = Box<dyn Read + 'a>;

struct Packing {
    /// The ending of a file's name.
    ending: &'static str,
    /// A file's first bytes.
    magic: &'static [u8],
    reader: for<'a> fn(Plain<'a>) -> Result<Plain<'a>>,
}

const KNOWN: [Packing; 5] = [
    Packing { ending: "gz", magic: &[0x1f, 0x8b], reader: |packed| Ok(Box::new(flate2::read::GzDecoder::new(packed))) },
    Packing { ending: "xz", magic: b"\xfd7zXZ\0", reader: |packed| Ok(Box::new(XzDecoder::new(packed))) },
    Packing { ending: "lzma", magic: &[0x5d, 0, 0], reader: lzma },
    Packing { ending: "bz2", magic: b"BZh", reader: |packed| Ok(Box::new(bzip2::read::MultiBzDecoder::new(packed))) },
    Packing { ending: "zst", magic: &[0x28, 0xb5, 0x2f, 0xfd], reader: zstd },
];

/// A dictionary is as large as its packer chose: 64 MiB for the best of xz(1)'s presets.
fn lzma(packed: Plain<'_>) -> Result<Plain<'_>> {
    const MEMORY_BYTES: u64 = 256 << 20;
    Ok(Box::new(XzDecoder::new_stream(packed, Stream::new_lzma_decoder(MEMORY_BYTES)?)))
}

fn zstd(packed: Plain<'_>) -> Result<Plain<'_>> {
    Ok(Box::new(zstd::stream::read::Decoder::new(packed)?))
}

/// Unpacks by the name's ending, as tar archives and modules have it. [`ErrorKind::Unsupported`]: the ending is not
/// known here.
pub fn by_name<'a>(name: &str, content: impl Read + 'a) -> Result<Plain<'a>> {
    let Some(ending) = packing(name) else { return Ok(Box::new(content)) };
    match KNOWN.iter().find(|known| known.ending == ending) {
        Some(known) => (known.reader)(Box::new(content)),
        None => Err(Error::new(
            ErrorKind::Unsupported,
            format!("`{name}` is packed by {ending}, which tunelab does not read"),
        )),
    }
}

/// Unpacks by the first bytes. `None`: it is not packed, or in a way that is not known here.
pub fn by_magic(content: &[u8]) -> Option<Plain<'_>> {
    let known = KNOWN.iter().find(|known| content.starts_with(known.magic))?;
    (known.reader)(Box::new(content)).ok()
}

/// Returns the name after unpacking: `virtio.ko.xz` becomes `virtio.ko`.
pub fn plain_name(name: &str) -> &str {
    packing(name).map_or(name, |ending| &name[..name.len() - ending.len() - 1])
}

/// Returns `xz` for `data.tar.xz` and `virtio.ko.xz`; `None`: it is not packed.
pub fn packing(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    (stem.ends_with(".tar") || stem.ends_with(".ko")).then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_says_so_by_its_name() {
        let names = ["a.ko.xz", "a.ko", "data.tar.lzma", "data.tar", "modules.order", "control"];
        assert_eq!(names.map(plain_name), ["a.ko", "a.ko", "data.tar", "data.tar", "modules.order", "control"]);
        assert_eq!(by_name("data.tar.lz4", &b""[..]).err().unwrap().kind(), ErrorKind::Unsupported);
    }
}
