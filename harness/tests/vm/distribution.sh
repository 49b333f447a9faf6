# Runs in a namespace, as its root: makes in $OUT the two file systems of a disk as distributions publish them,
# root.ext4 and boot.ext4, from Debian's packages.
set -eu
pack='
    root=$1
    # As published: no keys, no identity; whoever boots it first makes them.
    rm -rf "$root"/etc/ssh/ssh_host_* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
    : > "$root/etc/machine-id"
    echo localhost > "$root/etc/hostname"
    printf "LABEL=cloudimg-rootfs / ext4 discard,commit=30,errors=remount-ro 0 1\nLABEL=BOOT /boot ext4 defaults 0 2\n" \
        > "$root/etc/fstab"
    chroot "$root" systemctl --quiet enable systemd-networkd
    mount --bind "$root" "$root/mnt"
    mount -t tmpfs -o mode=755 tunelab "$root/mnt/dev"
    mke2fs -q -t ext4 -L BOOT -d "$root/mnt/boot" "$OUT/boot.ext4" 128M
    rm -rf "$root"/boot/*
    mke2fs -q -t ext4 -L cloudimg-rootfs -d "$root/mnt" "$OUT/root.ext4" 1200M
    umount "$root/mnt/dev" "$root/mnt"
'
export OUT PACK="$pack"
packages=systemd-sysv,udev,dbus,kmod,netbase,iproute2,netplan.io,cloud-init,openssh-server,linux-image-cloud-amd64,extlinux
exec mmdebstrap --mode=root --variant=essential --format=null --skip=check/qemu,cleanup,chroot/mount/sys \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$packages" --customize-hook='sh -euc "$PACK" sh "$1"' bookworm /dev/null 2>&1
