//! Unpacking by the name's ending, as modules and the parts of packages are packed.

use std::{io::Read, path::Path};

/// What can be unpacked here.
const PACKED: [&str; 3] = ["gz", "xz", "zst"];

/// `None`: an ending that is not known here. One that does not sound packed is read as it is.
pub fn reader<'a>(name: &str, packed: impl Read + 'a) -> Option<Box<dyn Read + 'a>> {
    Some(match Path::new(name).extension().and_then(|e| e.to_str()) {
        Some("gz") => Box::new(flate2::read::GzDecoder::new(packed)),
        Some("xz") => Box::new(liblzma::read::XzDecoder::new(packed)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(packed).ok()?),
        Some("bz2" | "lzma" | "lz4" | "lzo") => return None,
        _ => Box::new(packed),
    })
}

/// `virtio.ko.xz` is `virtio.ko` when it is unpacked.
pub fn plain_name(name: &str) -> &str {
    PACKED.iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.')).unwrap_or(name)
}
