#!/usr/bin/env bash
# Sees to a Chromium for the tests of the Dagster UI; without one those tests say so and are skipped.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done

# A page without any font is a page of empty boxes, so one is installed with it.
"$(dirname "$0")/debian.sh" chromium fonts-dejavu-core ||
    echo "No Chromium: the tests of the UI in a browser will not run (Debian: chromium)." >&2
