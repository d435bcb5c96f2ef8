#!/usr/bin/env bash
# package.sh - the Debian packages: lintian; unpacked, used from that folder; and, as root with
# debootstrap, installed by apt-get into a new, minimal system like this one and used there.
# Lintian's warnings are errors too; of what it only informs about, these stay on purpose:
#   no-symbols-control-file                      shlibs says which version a program needs
#   ...-has-unneeded-section(s) .comment         cpack's strip leaves it in
set -euo pipefail
folder=$LMS_CHECK_DIR/package
packages=$folder/packages
rm -rf -- "$packages"
BUILD_DIR=$folder/build ./run package "$packages"
version=$(sed -n 's/^project(lmsample VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
cd -- "$packages"
for name in liblmsample0 liblmsample-dev lmsample; do
    file=$(printf '%s\n' "${name}_${version}"_*.deb)
    [[ $(dpkg-deb -f "$file" Package Version) == "Package: $name"$'\n'"Version: $version" ]]
    dpkg-deb -f "$file" Depends Recommends
    dpkg-deb -c "$file"
done
if command -v lintian >/dev/null; then
    root=()
    ((EUID != 0)) || root=(--allow-root)
    lintian "${root[@]}" --fail-on error --fail-on warning --display-info ./*.deb
else
    echo "SKIP: there is no lintian"
fi
cd -- "$OLDPWD"

echo "Unpacked:"
unpacked=$folder/unpacked
rm -rf -- "$unpacked"
for file in "$packages"/*.deb; do
    dpkg-deb -c "$file" | awk '!/\/$/ { print $6 }'
    dpkg-deb -x "$file" "$unpacked"
done | sort | uniq -d >"$folder/twice.txt"
if [[ -s $folder/twice.txt ]]; then
    cat -- "$folder/twice.txt"
    exit 1
fi
usr=$unpacked/usr
library=$(dirname -- "$(find "$usr/lib" -name liblmsample.a)")
cmp <("$usr/bin/lmsample" --version) <(echo "lmsample $version")
"${CC:-cc}" -o "$folder/minimal" "$usr/share/doc/liblmsample-dev/examples/minimal.c" \
    -I "$usr/include" -L "$library" -llmsample -lOpenCL
LD_LIBRARY_PATH=$library "$folder/minimal" | cmp - tests/api/minimal.txt

if ((EUID != 0)) || ! command -v debootstrap >/dev/null || ! unshare --mount true; then
    echo "SKIP: installing in a new system needs root, debootstrap and mount namespaces"
    exit 0
fi
system=$folder/system
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# Where this machine gets its packages from. Ubuntu has some of the needed ones in universe.
# shellcheck disable=SC2016 # apt-get's own variables
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(CREATED_BY)' |
    awk -v suite="$suite" '$2 == suite && $3 == "main" && $4 == "Packages" { print $1; exit }')
components=main
! grep -q '^ID=ubuntu' /etc/os-release || components=main,universe
eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
[[ -z ${http_proxy-} ]] || export http_proxy
# The mounts below are in a namespace of their own: here there is only a folder.
trap 'rm -rf -- "$system"' EXIT
rm -rf -- "$system"
echo "A new system: $suite"
debootstrap --variant=minbase --components="$components" "$suite" "$system" "$mirror"
mkdir "$system/packages"
cp -- "$packages"/*.deb "$system/packages"
cp -- tests/api/minimal.txt "$system/packages"
[[ ! -e /etc/resolv.conf ]] || cp -L -- /etc/resolv.conf "$system/etc/resolv.conf"
# No service of a package is to start.
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
chmod 755 "$system/usr/sbin/policy-rc.d"
cat >"$system/packages/try.sh" <<'TRY'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/tmp/home
case $1 in
install)
    apt-get update
    apt-get install -y /packages/*.deb
    apt-get install -y --no-install-recommends gcc libc6-dev make cmake pkg-config
    ;;
remove)
    apt-get purge -y lmsample liblmsample-dev liblmsample0
    if { find /etc /usr -name '*lmsample*' && ldconfig -p | grep lmsample; } | grep .; then
        exit 1
    fi
    ;;
use)
    mkdir -p "$HOME"
    cd "$HOME"
    lmsample devices --test
    ldconfig -p | grep 'liblmsample.so.0 '
    cp -r /usr/share/doc/liblmsample-dev/examples .
    cd examples
    cc -o pkg minimal.c $(pkg-config --cflags --libs lmsample)
    ./pkg | cmp - /packages/minimal.txt
    cc -o static minimal.c $(pkg-config --static --cflags --libs lmsample |
        sed 's/-llmsample/-l:liblmsample.a/')
    ./static | cmp - /packages/minimal.txt
    cmake -S . -B build
    cmake --build build
    build/minimal | cmp - /packages/minimal.txt
    ;;
esac
TRY
in_system() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount bash -ec 'mount -t proc proc "$0/proc"; mount --rbind /sys "$0/sys"
        exec chroot "$0" "$@"' "$system" "$@"
}
chroot "$system" sh /packages/try.sh install
in_system setpriv --reuid=65534 --regid=65534 --clear-groups sh /packages/try.sh use
chroot "$system" sh /packages/try.sh remove
echo "Installed, used and removed in a new system"
