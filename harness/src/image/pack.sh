# Runs as the last hook of mmdebstrap, as root of its namespace: $1 is the finished root file system.
# Leaves in $TUNELAB_OUT: packages.tsv, release, kernel, modules/, root.img.
set -eu
root=$1 out=$TUNELAB_OUT

# The rule files are loaded by the legacy tools: the nft ones would run the packets through another code path.
for tool in iptables ip6tables; do
    if [ -e "$root/usr/sbin/$tool-legacy" ]; then
        chroot "$root" update-alternatives --quiet --set "$tool" "/usr/sbin/$tool-legacy"
    fi
done

chroot "$root" dpkg-query --show --showformat '${Package}\t${Version}\t${Architecture}\n' > "$out/packages.tsv"

# Kernel and modules are taken out for direct boot; the modules also stay, for modprobe.
set -- "$root"/boot/vmlinuz-*
if [ $# -ne 1 ] || [ ! -e "$1" ]; then
    echo "tunelab: the packages hold no kernel, or more than one" >&2
    exit 1
fi
release=${1##*/vmlinuz-}
echo "$release" > "$out/release"
cp "$1" "$out/kernel"
cp -r "$root/lib/modules/$release" "$out/modules"

# What a guest never reads, what differs from one build to the next, and what belongs to this host.
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img* \
    "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* "$root"/var/cache/ldconfig/* \
    "$root"/var/log/* "$root"/var/lib/dpkg/*-old "$root"/etc/*- "$root"/tmp/* "$root"/run/* \
    "$root"/etc/ssh/ssh_host_* "$root"/etc/dpkg/dpkg.cfg.d/tunelab "$root"/etc/apt/apt.conf.d/99mmdebstrap
: > "$root/etc/machine-id"
: > "$root/etc/resolv.conf"
echo tunelab > "$root/etc/hostname"
chmod 644 "$root/etc/resolv.conf" "$root/etc/hostname"

# Seen without what is mounted into it now: /proc, /sys and the device nodes.
trap 'umount --recursive "$root/mnt"' EXIT
mount --bind "$root" "$root/mnt"
mount -t tmpfs -o mode=755 tunelab "$root/mnt/dev"
find "$root/mnt" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

# Every feature is named, none is taken from this host's mke2fs.conf; Linux 3.2 knows all of them.
blocks=$(find "$root/mnt" -type f -printf '%s\n' | awk '{ n += int(($1 + 4095) / 4096) } END { print n }')
inodes=$(find "$root/mnt" | wc -l)
printf '[fs_types]\next4 = {\ninode_size = 256\n}\n' > "$out/scratch/mke2fs.conf"
MKE2FS_CONFIG="$out/scratch/mke2fs.conf" mke2fs -q -t ext4 -b 4096 -m 0 -N $((inodes + 1024)) \
    -O none,extents,filetype,sparse_super,large_file,dir_index,dir_nlink,extra_isize,flex_bg,uninit_bg \
    -E "root_owner=0:0,hash_seed=$TUNELAB_UUID,nodiscard,lazy_itable_init=0" -U "$TUNELAB_UUID" -L tunelab \
    -d "$root/mnt" "$out/root.img" $(((blocks + inodes / 8) * 105 / 100 + 4096))
