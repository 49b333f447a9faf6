//! Builds the guest agent as a static binary and lets the harness carry it: `cargo run` is enough.
//!
//! It is linked statically against the C library of the build host, even where the harness is built for another one (a
//! release is, for musl): glibc's static archive needs Linux 3.2, the oldest here, and all snapshots are of it.

use std::{env, path::PathBuf, process::Command};

fn main() {
    let (system, processor) = (text("CARGO_CFG_TARGET_OS"), text("CARGO_CFG_TARGET_ARCH"));
    if system != "linux" || processor != "x86_64" {
        panic!(
            "tunelab runs on Linux on x86-64 alone, not on {system} on {processor}: its guests and their agent are x86-64"
        );
    }
    let agents_target = agents_target();
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    for watched in ["harness/agent", "harness/protocol", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", root.join(watched).display());
    }
    // It needs a target folder of its own: cargo holds the lock of the outer one while this runs.
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("agent");
    let status = Command::new(env::var_os("CARGO").expect("cargo sets it"))
        .args(["build", "--quiet", "--locked", "--package=tunelab-agent", "--bin=tunelab-agent"])
        .args(["--profile=agent", "--target", &agents_target])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        // Flags and wrappers meant for the outer build (coverage, clippy) are not meant for the guest.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        // The host has its own standard library, whichever target the outer build makes one for.
        .env_remove("CARGO_UNSTABLE_BUILD_STD")
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static")
        .status()
        .expect("cargo can be started");
    if !status.success() {
        panic!(
            "the guest agent did not build; hint: it needs a static C library (Debian: libc6-dev, Fedora: glibc-static)"
        );
    }
    let agent = target.join(&agents_target).join("agent").join("tunelab-agent");
    println!("cargo:rustc-env=TUNELAB_AGENT={}", agent.display());
}

fn agents_target() -> String {
    let host = text("HOST");
    if host.starts_with("x86_64-unknown-linux-") { host } else { text("TARGET") }
}

fn text(name: &str) -> String {
    env::var(name).expect("cargo sets it")
}
