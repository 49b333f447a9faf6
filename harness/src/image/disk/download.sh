# Runs as the first hook of mmdebstrap: $1 is a root with nothing in it but apt's configuration.
# Leaves in $TUNELAB_OUT: packages.tar, the packages that $TUNELAB_INSTALL asks for and those that they need, as far as
# a disk lacks them whose own packages are listed in its `status`.
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cp "$TUNELAB_OUT/status" "$1/var/lib/dpkg/status"
apt-get --error-on=any update
apt-get --yes --download-only --no-install-recommends install $TUNELAB_INSTALL
cd "$1/var/cache/apt/archives"
# May be none: the disk has them all.
find . -name '*.deb' -printf '%f\n' | sort > "$1/names"
tar --create --file="$TUNELAB_OUT/packages.tar" --files-from="$1/names" --format=ustar \
    --owner=0 --group=0 --numeric-owner --mode=0644 --mtime="@$SOURCE_DATE_EPOCH"
rm -f -- *.deb
