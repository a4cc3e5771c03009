#!/usr/bin/env bash
# Sees to a PostgreSQL server program for the tests of the ops store, which start one of their own;
# without it those tests say so and are skipped.
set -euo pipefail

command -v postgres >/dev/null && exit 0
# Debian keeps the server out of PATH, Homebrew links only the newest.
for program in /usr/lib/postgresql/*/bin/postgres /opt/homebrew/opt/postgresql@*/bin/postgres; do
    if [ -x "$program" ]; then exit 0; fi
done

"$(dirname "$0")/debian.sh" postgresql ||
    echo "No PostgreSQL: the tests of the ops store on it will not run (Debian: postgresql)." >&2
