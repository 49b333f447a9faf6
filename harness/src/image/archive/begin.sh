# Runs where packages come from mirrors of a recipe, once the essential ones are unpacked and before any is set up, as
# root of the namespace: $1 is the root file system. Does nothing unless the suite is from the days of upstart.
set -eu
root=$1
[ -d "$root/etc/init" ] || exit 0

# dpkg before 1.17.11 wants these to exist.
for file in available diversions cmethopt; do
    [ -e "$root/var/lib/dpkg/$file" ] || : > "$root/var/lib/dpkg/$file"
done

# Tools that packages of that time run as they are set up, and that fail in a root that is not booted: initctl finds no
# upstart, MAKEDEV may not make devices in a user's namespace, and no initrd is wanted. Undone in end.sh.
for tool in /sbin/initctl /sbin/MAKEDEV /usr/sbin/update-initramfs; do
    chroot "$root" dpkg-divert --quiet --local --rename --divert "$tool.tunelab" --add "$tool"
    ln -s /bin/true "$root$tool"
done
