#!/usr/bin/env bash
# Makes the archive of a release, and its checksum: .github/release.sh TARGET [FOLDER]
# TARGET is x86_64-unknown-linux-musl for a release: one static binary, for every Linux on x86-64.
set -euo pipefail
target=${1:?"usage: $0 TARGET [FOLDER]"}
cd "$(dirname "$0")/.."
out=$(realpath -m "${2:-target/dist}")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=tunelab-$version-$target
stage=$out/$name

# A release does not take the settings for quick builds (.cargo/config.toml).
export CFLAGS="${CFLAGS:--O2}"
# glibc links statically only when told so; musl always does.
if [[ $target == *-gnu ]]; then export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"; fi
cargo build --locked --release --bin tunelab --target "$target"
built=${CARGO_TARGET_DIR:-target}/$target/release/tunelab

# Prints the texts that the licences of everything linked ask for: crates, and the C libraries inside them.
third_parties() {
    local crate version licence
    cargo tree --locked --target "$target" --edges normal,build --prefix none --no-dedupe --format '{p} {l}' |
        sort -u | while read -r crate version licence; do
        local folder
        folder=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -mindepth 2 -maxdepth 2 -name "$crate-${version#v}" | head -n 1)
        [[ -n $folder ]] || continue
        printf '\n==== %s %s: %s\n' "$crate" "${version#v}" "$licence"
        find "$folder" -maxdepth 3 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' \) -print0 | sort -z | xargs -0r cat
    done
}

rm -rf "$stage"
mkdir -p "$stage"/completions
install -m 755 "$built" "$stage"/tunelab
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$stage"
third_parties > "$stage"/LICENSES-OF-OTHERS
"$stage"/tunelab completions bash > "$stage"/completions/tunelab.bash
"$stage"/tunelab completions zsh > "$stage"/completions/_tunelab
"$stage"/tunelab completions fish > "$stage"/completions/tunelab.fish
"$stage"/tunelab man "$stage"/man

# The same commit gives the same bytes.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    --directory "$out" "$name" | gzip --no-name --best > "$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "$out/$name.tar.gz"
