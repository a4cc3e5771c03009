"""`python -m chain_assets_tests.chaos --seed 7 --seconds 900`: a storm, and the verdict on it."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from chain_assets_tests.chaos.long_storm import LEAST_KILLS, long_storm


def main() -> int:
    """The storm's counts on standard output; 1 where something is wrong at its end."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of all draws; by default a new one")
    parser.add_argument("--seconds", type=float, default=900.0, help="how long at most")
    parser.add_argument("--kills", type=int, default=LEAST_KILLS, help="how many at least")
    parser.add_argument("--s3", action="store_true", help="keep the lake in a bucket (of moto)")
    options = parser.parse_args()
    # As at Ctrl-C: children are ended, and the small disk is unmounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    say = sys.stdout.write
    say(f"chaos: seed {seed} (make chaos SEED={seed} for the same again)\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        tally = long_storm(
            Path(folder),
            seed=seed,
            seconds=options.seconds,
            kills=options.kills,
            s3=options.s3,
            say=say,
        )
    return 0 if tally.all_kills >= options.kills else 1


if __name__ == "__main__":
    sys.exit(main())
