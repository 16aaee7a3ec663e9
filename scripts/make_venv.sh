#!/bin/sh
# Makes a virtual environment: make_venv.sh DIRECTORY
# Takes $PYTHON, or the first Python on PATH that is 3.11 or later; installs Debian's venv package if it is missing.
set -eu

venv=$1

for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' \
        2>/dev/null) || version=''
    [ -z "$version" ] || break
done
if [ -z "$version" ]; then
    echo "No Python 3.11 or later was found. Install one and name it: make PYTHON=/path/to/python3.11 …" >&2
    exit 1
fi

if ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
    "$(dirname "$0")/install_system_packages.sh" "python$version-venv"
fi

echo "Making $venv with Python $version …"
"$candidate" -m venv --clear "$venv"
