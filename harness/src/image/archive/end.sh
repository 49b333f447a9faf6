# Runs where packages come from mirrors of a recipe, before pack.sh: $1 is the finished root file system.
set -eu
root=$1

for tool in /sbin/initctl /sbin/MAKEDEV /usr/sbin/update-initramfs; do
    [ "$(readlink "$root$tool")" = /bin/true ] || continue
    rm "$root$tool"
    chroot "$root" dpkg-divert --quiet --local --rename --divert "$tool.tunelab" --remove "$tool"
done

# sshd of that time keeps to /var/run, which is a folder of its own until an init script has moved it.
for dir in run lock; do
    [ "$dir" = run ] && to=/run || to=/run/lock
    if [ ! -L "$root/var/$dir" ]; then
        rm -rf "$root/var/$dir"
        ln -s "$to" "$root/var/$dir"
    fi
done

# OpenSSH 5.9 without PAM takes a password that begins with `!` for a locked account, and lets no key in (auth.c,
# LOCKED_PASSWD_PREFIX); `*` is no password either, and locks nobody out.
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"

# Which mirror was up on the day of the build, and where this host keeps the keys, are no part of the image.
: > "$root/etc/apt/sources.list"
