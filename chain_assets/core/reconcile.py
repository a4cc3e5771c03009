"""What a layer must do: the difference between what it should hold and what it holds.

    want   from the layer before      number → identity (hash, version, …)
    have   from the layer's own rows  number → identity
    plan   write these, remove those; nothing where they are equal

A full rewrite is the special case of an empty have; a crash, a reorg and a re-run by hand are all
the same difference.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Block numbers, ascending: to write (anew, or over a row that is no longer right) and to
    remove."""

    write: tuple[int, ...]
    remove: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.write or self.remove)

    @property
    def numbers(self) -> frozenset[int]:
        """All blocks whose rows change."""
        return frozenset(self.write) | frozenset(self.remove)


def keep_versions(
    want: Mapping[int, tuple[Hashable, ...]], have: Mapping[int, tuple[Hashable, ...] | None]
) -> dict[int, tuple[Hashable, ...]]:
    """`want`, but with the version (an identity's last part) that the layer already holds.

    Then rows of an older decoder or enricher are left as they are: making them anew is work that
    somebody asks for, never what a new block in the same range brings about. Rows without a version
    are unfinished, and never kept.
    """
    kept = {}
    for number, identity in want.items():
        held = have.get(number)
        same = held is not None and held[-1] and held[:-1] == identity[:-1]
        kept[number] = held if same and held is not None else identity
    return kept


def reconcile(want: Mapping[int, Hashable], have: Mapping[int, Hashable]) -> Plan:
    """The plan after whose execution `have` equals `want`."""
    return Plan(
        write=tuple(sorted(n for n, identity in want.items() if have.get(n) != identity)),
        remove=tuple(sorted(n for n in have if n not in want)),
    )
