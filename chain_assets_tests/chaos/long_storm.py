"""The long form: until each fault point has killed a process, and at least 100 have been killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from chain_assets.core.schemas import TABLES
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.chaos.soundness import assert_tables_are_sound
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.verdict import judged_storm

LEAST_KILLS = 100
_ROUNDS_BETWEEN_LOOKS = 20


def long_storm(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    kills: int,
    s3: bool,
    say: Callable[[str], object],
) -> Tally:
    """A storm of at most `seconds` on a lake in a folder or in a bucket, and the verdict. Raises
    AssertionError; `say` gets the counts in any case."""

    def tell(tally: Tally) -> None:
        say("\n".join((*tally.lines(), *tally.places())) + "\n")

    ends = time.monotonic() + seconds
    with judged_storm(folder, seed=seed, s3=s3, tell=tell) as storm:
        tally = storm.tally
        storm.found_lake(kills=len(TABLES))
        while (tally.never_killed or tally.all_kills < kills) and time.monotonic() < ends:
            storm.round()
            if tally.events["rounds"] % _ROUNDS_BETWEEN_LOOKS == 0:
                assert_tables_are_sound(LakeTables(storm.world.lake))
    say("Tables, journal and holds are those of a run without any of this.\n")
    assert not tally.never_met, f"never met: {tally.never_met}"
    return tally
