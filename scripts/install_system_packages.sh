#!/bin/sh
# Installs the Debian packages that are missing: install_system_packages.sh PACKAGE...
# Their services are neither started nor enabled, and nothing is removed for them. Without root, says what is missing and fails.
set -eu

missing=''
for package in "$@"; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || status=''
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "These system packages are missing (names as in Debian and Ubuntu):$missing" >&2
    echo "Install them as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# A package's own scripts ask policy-rc.d whether they may start its service: 101 says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi

install() {
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install \
        --yes --no-install-recommends --no-remove $missing >/dev/null
}

echo "Installing system packages:$missing"
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    apt-get -qq update
    install
else
    # Lists that are there may be too old for what the mirrors hold now.
    install || { apt-get -qq update && install; }
fi

if [ -d /run/systemd/system ]; then
    for service in etcd prometheus; do
        case "$missing " in
            *" $service "* | *" $service-server "*) systemctl disable --now --quiet "$service" || true ;;
        esac
    done
fi
