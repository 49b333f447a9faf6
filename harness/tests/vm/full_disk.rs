//! A full disk under the cache: a small tmpfs over one of its folders, in a mount namespace that every user may have.

use crate::{
    bench::{Bench, ENDLESS, Use, on_bench, with},
    command::{BINARY, arguments, environment},
};
use std::{path::Path, process::Stdio};
use tunelab::host::namespace;

#[test]
fn no_room_for_the_warm_machine() {
    with(Use::Shared, Use::None, async |bench| {
        let (code, told) = with_room(bench, &bench.cache.states(), "32m").await;
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("failed to save the machine in") && told.contains("its disk is full"), "{told}");
        assert!(told.contains("hint: a saved machine takes"), "{told}");
    });
}

#[test]
fn no_room_for_the_record() {
    on_bench(async |bench| {
        let (code, told) = with_room(bench, &bench.cache.runs(), "100k").await;
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("no room left in"), "{told}");
        assert!(told.contains("hint: free some space, or point `TUNELAB_CACHE` elsewhere"), "{told}");
    });
}

/// Runs the endless scenario with one folder of the cache on a file system of `size`.
async fn with_room(bench: &Bench, room: &Path, size: &str) -> (Option<i32>, String) {
    const SCRIPT: &str = r#"mount -t tmpfs -o size="$1" small "$2" && shift 2 && exec "$@" 2>&1"#;
    let mut argv = ["sh", "-c", SCRIPT, "sh", size, room.to_str().unwrap(), BINARY].to_vec();
    argv.extend(arguments(ENDLESS));
    let child = namespace::spawn(&argv, |command| {
        command.current_dir(bench.repository()).envs(environment(bench)).stderr(Stdio::piped());
    });
    let output = child.await.unwrap_or_else(|e| panic!("{e:?}")).wait_with_output().await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}
