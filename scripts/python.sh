#!/usr/bin/env bash
# Prints the path of a Python that can make the project's .venv: 3.11 or newer, with venv and pip.
# PYTHON=/path/to/python chooses one; otherwise the first that fits of the usual names is taken.
set -euo pipefail

# A name alone proves nothing: a version manager leaves stand-ins on PATH that only fail, and
# Debian's python3 comes without ensurepip. So each candidate is asked to say where it is.
fits='
import sys, venv, ensurepip
if not (3, 11) <= sys.version_info[:2] < (3, 15): raise SystemExit(1)
print(sys.executable)
'

for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if path="$("$candidate" -c "$fits" 2>/dev/null)"; then
        echo "$path"
        exit 0
    fi
done

cat >&2 <<EOF
No fitting Python found (looked at: ${PYTHON:-python3.13, python3.12, python3.11, python3}).
chain_assets needs Python 3.11 to 3.14 with its venv module. To get one, type
  on Debian:   sudo apt-get install python3 python3-venv
  on macOS:    brew install python@3.13
  with conda:  conda install -c conda-forge python=3.13
then run make again, or name a Python yourself: make PYTHON=/path/to/python3.13 ...
EOF
exit 1
