#!/usr/bin/env bash
# Installs Debian packages where this user may: scripts/debian.sh PACKAGE...
# Leaves with 1, having changed nothing, where there is no apt-get or no right to use it.
set -euo pipefail

command -v apt-get >/dev/null || exit 1

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    # -n: a set-up that stops to ask for a password would hang where nobody reads it.
    sudo -n true 2>/dev/null || exit 1
    sudo=(sudo -n)
fi

# `${sudo[@]+…}`: the bash of macOS takes an empty array for an unset variable.
apt() {
    ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

echo "Installing Debian's packages: $*" >&2
apt update
apt install -y --no-install-recommends "$@"
