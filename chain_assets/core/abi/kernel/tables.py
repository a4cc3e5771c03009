"""The keys of a registry as a hash table that a kernel can search, and what each key leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.abi.kernel.copies import make_copies
from chain_assets.core.abi.kernel.layouts import (
    Candidate,
    Layouts,
    argument_types,
    make_layouts,
)
from chain_assets.core.abi.kernel.phrases import Phrases, make_phrases
from chain_assets.core.abi.kernel.programs import Program, make_program
from chain_assets.core.abi.kernel.take_texts import Texts, texts_from
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.types import AbiType

Longs = npt.NDArray[np.int64]

MOST_TOPICS = 4
_KEY_BYTES = 32
_NOTHING = -1


@dataclass(frozen=True)
class KeyTable:
    """Keys of 32 bytes by open addressing; the first bytes of a key are its hash already.

    A slot holds the position of a key in `words`, -1 where it is free. `groups[key, count]` is
    the group of a key with a number of topics (0 for a selector), -1 where there is none.
    """

    slots: Longs
    words: npt.NDArray[np.uint64]
    groups: Longs


@dataclass(frozen=True)
class CandidateTable:
    """All candidates of one kind, and the groups of those that share a key.

    Group g has the candidates `firsts[g]` to `stops[g]`, in order of precedence, of which those
    before `flat_stops[g]` are flat: a kernel tries them, and hands on what none of them takes.
    """

    keys: KeyTable
    candidates: tuple[Candidate, ...]
    firsts: Longs
    flat_stops: Longs
    stops: Longs
    layouts: Layouts

    def candidates_of(self, group: int) -> Sequence[Any]:
        """All candidates of a group, in order of precedence."""
        return self.candidates[self.firsts[group] : self.stops[group]]

    def program(self, position: int) -> Program:
        """How to decode a candidate that is not flat; made when it first occurs."""
        if position not in self._programs:
            self._programs[position] = make_program(self.candidates[position])
        return self._programs[position]

    def phrases(self, position: int) -> Phrases | None:
        """How its text is written, None where that is left to abi/rendering.py."""
        if position not in self._phrases:
            found = make_phrases(self.program(position), self.candidates[position])
            self._phrases[position] = found
        return self._phrases[position]

    @cached_property
    def _phrases(self) -> dict[int, Phrases | None]:
        return {}

    @cached_property
    def _programs(self) -> dict[int, Program]:
        return {}

    @cached_property
    def argument_types(self) -> tuple[Sequence[AbiType], ...]:
        """What the arguments of each candidate decode to."""
        return tuple(argument_types(one) for one in self.candidates)

    @cached_property
    def groups_of_candidates(self) -> Longs:
        """The group of each candidate."""
        return np.repeat(np.arange(len(self.firsts)), self.stops - self.firsts)

    @cached_property
    def groups_of_steps(self) -> Longs:
        """The group of the candidate of each step."""
        layouts = self.layouts.layouts
        return np.repeat(self.groups_of_candidates, layouts["stop"] - layouts["first"])

    @cached_property
    def copies(self) -> npt.NDArray[np.void]:
        """How the word of each step is copied."""
        return make_copies(self.layouts)

    @cached_property
    def positions(self) -> dict[int, int]:
        """The position of each candidate, by its `id`: as keys, whole records are slow."""
        return {id(one): index for index, one in enumerate(self.candidates)}

    @cached_property
    def names(self) -> Texts:
        """The candidates' names."""
        return _texts(one.name for one in self.candidates)

    @cached_property
    def signatures(self) -> Texts:
        """Their signatures."""
        return _texts(one.signature for one in self.candidates)

    @cached_property
    def abi_sources(self) -> Texts:
        """The names of their ABIs."""
        return _texts(one.abi_source for one in self.candidates)


@lru_cache(maxsize=8)
def event_table(registry: Registry) -> CandidateTable:
    """The events of `registry`, by topic 0 and number of topics."""
    return _table(registry.events)


@lru_cache(maxsize=8)
def function_table(registry: Registry) -> CandidateTable:
    """The functions of `registry`, by selector."""
    return _table({(selector, 0): found for selector, found in registry.functions.items()})


def _texts(texts: Iterable[str]) -> Texts:
    return texts_from(pa.array(texts, pa.string()))


def _table(groups: Mapping[tuple[bytes, int], Sequence[Candidate]]) -> CandidateTable:
    candidates = [one for found in groups.values() for one in found]
    layouts = make_layouts(candidates)
    sizes = np.array([len(found) for found in groups.values()], np.int64)
    stops = np.cumsum(sizes, dtype=np.int64)
    firsts = stops - sizes
    flat_stops = firsts.copy()
    for group, (first, stop) in enumerate(zip(firsts, stops, strict=True)):
        flat = [own is not None for own in layouts.leaves[first:stop]]
        flat_stops[group] += flat.index(False) if False in flat else len(flat)
    keys = _key_table(list(groups))
    return CandidateTable(keys, tuple(candidates), firsts, flat_stops, stops, layouts)


def _key_table(groups: Sequence[tuple[bytes, int]]) -> KeyTable:
    keys = sorted({key for key, _ in groups})
    position = {key: index for index, key in enumerate(keys)}
    by_count = np.full((len(keys), MOST_TOPICS + 1), _NOTHING, np.int64)
    for group, (key, count) in enumerate(groups):
        by_count[position[key], count] = group
    joined = b"".join(key.ljust(_KEY_BYTES, b"\0") for key in keys)
    words = np.frombuffer(joined, np.uint64).reshape(-1, 4)
    # At least half of the slots are free, so that a search soon meets one.
    slots = np.full(1 << (2 * len(keys)).bit_length(), _NOTHING, np.int64)
    for index, first in enumerate(words[:, 0].tolist()):
        slot = first & (len(slots) - 1)
        while slots[slot] != _NOTHING:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = index
    return KeyTable(slots, words, by_count)
