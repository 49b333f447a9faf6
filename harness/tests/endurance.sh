#!/usr/bin/env bash
# Tests that take too long for `cargo test`: BINARY is a tunelab; it works in a cache of its own, $TUNELAB_CACHE.
#
#   endurance.sh kills BINARY N       N runs, each killed at a random moment, it or its QEMU; after each a run that must be fine
#   endurance.sh repeats BINARY N SCENARIO [--variant V]      N runs of one seed: is there one fingerprint?
#   endurance.sh loaded BINARY LOAD SCENARIO...               beside so many busy loops: does each run end, and match?
set -euo pipefail

usage() { sed -n '4,6s/^# *//p' "$0" >&2; exit 2; }

cache=${TUNELAB_CACHE:?"set it to a folder of your own: saved machines in it are removed"}

# Lists the running QEMUs of this cache, one number a line; zombies do not count.
machines() {
    local pid
    for pid in $(pgrep -f "qemu-system.*$cache" || true); do
        [ "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)" = Z ] || echo "$pid"
    done
}

kills() {
    local binary=$1 n=$2 round run signal whom code left
    "$binary" scenario iptables-alone --quiet >/dev/null
    for ((round = 1; round <= n; round++)); do
        # Every third run has to boot a machine first.
        ((round % 3)) || rm -rf "$cache"/states/*
        "$binary" --no-install scenario conntrack-leak --variant article --jobs 1 --quiet >/dev/null 2>"$cache/told" </dev/null &
        run=$!
        sleep "$((RANDOM % 7)).$((RANDOM % 1000))"
        signal=$(shuf -n 1 -e KILL TERM HUP)
        whom=$run
        ((RANDOM % 4)) || whom=$(machines | head -n 1)
        kill -"$signal" "${whom:-$run}" 2>/dev/null || true
        code=0
        wait "$run" 2>/dev/null || code=$?
        # Two seconds beyond our end: the kernel cleans up after us only after SIGKILL.
        for _ in $(seq 40); do
            left=$(machines)
            [ -n "$left" ] || break
            sleep 0.05
        done
        [ -z "$left" ] || { echo "round $round, $signal to ${whom:-$run} ($run): QEMU $left survived"; exit 1; }
        case $code in
            0 | 4 | 129 | 130 | 137 | 143) ;;
            *) echo "round $round, $signal to ${whom:-$run} ($run): exit $code"; cat "$cache/told"; exit 1 ;;
        esac
        "$binary" --no-install scenario iptables-alone --jobs 1 --quiet >"$cache/next" 2>&1 || { echo "round $round: the next run"; cat "$cache/next"; exit 1; }
        printf '%s%s ' "$signal" "$([ "$whom" = "$run" ] || echo -of-QEMU)=$code"
    done
    echo
    echo "$n kills: nothing survived, each next run was fine"
}

repeats() {
    local binary=$1 n=$2
    shift 2
    "$binary" --no-install scenario "$@" --quiet --repeat "$n" --format json |
        python3 -c '
import collections, json, sys
runs = collections.defaultdict(collections.Counter)
for line in sys.stdin:
    run = json.loads(line)
    runs[run["scenario"], run["variant"]][run.get("fingerprint")] += 1
for name, prints in runs.items():
    print("/".join(name), f"{sum(prints.values())} runs, {len(prints)} fingerprint(s)")
sys.exit(any(len(prints) > 1 or None in prints for prints in runs.values()))'
}

loaded() {
    local binary=$1 load=$2 n pids=
    shift 2
    for ((n = 0; n < load; n++)); do
        # It ends with this script, however the script ends.
        (while kill -0 $$ 2>/dev/null; do :; done) &
        pids+=" $!"
    done
    # shellcheck disable=SC2064
    trap "kill $pids" EXIT
    "$binary" --no-install scenario "$@"
}

[ $# -ge 3 ] || usage
case $1 in
    kills | repeats | loaded) "$@" ;;
    *) usage ;;
esac
