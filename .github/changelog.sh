#!/usr/bin/env bash
# Prints the changelog's section of a version; fails if there is none: .github/changelog.sh VERSION
set -euo pipefail
version=${1:?"usage: $0 VERSION"}
section=$(awk -v heading="## [$version]" '
    /^## \[/ { inside = substr($0, 1, length(heading)) == heading; next }
    inside' "$(dirname "$0")/../CHANGELOG.md")
if [[ -z ${section//[[:space:]]/} ]]; then
    echo "error: CHANGELOG.md has no section \`[$version]\`, or an empty one" >&2
    exit 1
fi
printf '%s\n' "$section"
