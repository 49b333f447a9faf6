//! Files in the cache that are not what was written: they are found, reported, and made again.

use crate::{
    bench::{SHORT, Use, with},
    command::Tunelab,
    interrupted::killed,
};
use std::{
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};
use tunelab::{
    image,
    story::{Story, Teller},
};

#[test]
fn a_truncated_state() {
    with(Use::Shared, Use::Copy, async |bench| {
        let state = bench.state().join("state.qcow2");
        let size = state.metadata().unwrap().len();
        OpenOptions::new().write(true).open(&state).unwrap().set_len(size / 2).unwrap();
        let (result, notices) = bench.short().await;
        result.unwrap_or_else(|e| panic!("{e:?}"));
        let why = format!("is damaged: {} bytes instead of {size}: making it again", size / 2);
        assert!(notices.iter().any(|n| n.contains(&why)), "{notices:#?}");
        let (result, notices) = bench.short().await;
        result.unwrap_or_else(|e| panic!("{e:?}"));
        assert!(notices.is_empty(), "{notices:#?}");
    });
}

/// One run finds it and is killed while it makes it again; then two find it at once: one makes it and both use it.
#[test]
fn a_tampered_state_and_a_killed_remedy_and_two_more() {
    const TOLD: &str = "is damaged: its checksum is another: making it again";
    with(Use::Shared, Use::Copy, async |bench| {
        flip_a_bit(&bench.state().join("state.qcow2"));
        let mut first = Tunelab::scenario(bench, SHORT);
        first.wait_for(TOLD);
        first.wait_for("booting");
        killed(bench, first);
        let both = [Tunelab::scenario(bench, SHORT), Tunelab::scenario(bench, SHORT)].map(Tunelab::end);
        for ended in &both {
            assert_eq!(ended.code, Some(0), "{}", ended.told);
        }
        for what in [TOLD, "booting `debian-12` ..."] {
            let told = both.iter().filter(|ended| ended.told.contains(what)).count();
            assert_eq!(told, 1, "`{what}`: {both:#?}");
        }
        let swept = "swept 2 folders that killed runs left";
        assert!(both.iter().any(|ended| ended.told.contains(swept)), "{both:#?}");
    });
}

#[test]
fn a_tampered_root_disk() {
    with(Use::Copy, Use::None, async |bench| {
        let before = &bench.shared.image.manifest;
        let recipe = bench.recipes().find(&before.image).unwrap();
        flip_a_bit(&bench.cache.images().join(bench.shared.image.dir.file_name().unwrap()).join("root.img"));
        let (teller, mut story) = Teller::new();
        let image = image::ensure(&recipe, &bench.cache, &teller).await.unwrap_or_else(|e| panic!("{e:?}"));
        let why = "image `debian-12` in the cache is damaged (the checksum of `root.img` differs)";
        let told = std::iter::from_fn(|| story.try_recv().ok())
            .any(|piece| matches!(piece, Story::Notice(line) if line.starts_with(why)));
        assert!(told, "not told that {why}");
        assert_eq!(image.manifest.kernel_release, before.kernel_release);
    });
}

/// Flips a bit in the middle: no header, and the size stays.
fn flip_a_bit(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
}
