"""What tests of catching up share: a call of it, and sources that give too little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chain_assets.core.catch_up import Chunks
from chain_assets.layers.catching_up import Caught, Pace, catch_up
from chain_assets.layers.pipeline import Parts, write_reference
from chain_assets.sources.budget import Budget
from chain_assets.sources.devnet import DevnetSource, Fault, FaultKind, Faults
from chain_assets.sources.protocol import BlockSource, Header, RawBlock
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
)


def parts_of(pipeline: Pipeline, *, source: BlockSource | None = None) -> Parts:
    """What catching up works with: a patient writer."""
    write_reference(pipeline.chain, pipeline.reference(), pipeline.writer())
    own = DevnetSource(pipeline.net)
    return replace(pipeline.parts(), writer=pipeline.writer(patient=True), source=source or own)


def catch_up_all(
    pipeline: Pipeline, parts: Parts | None = None, *, most_ranges: int | None = None
) -> list[Caught]:
    """All that one call takes."""
    pace = Pace(Chunks(500), Budget())
    taken = catch_up(pipeline.chain, parts or parts_of(pipeline), pace, most_ranges=most_ranges)
    return list(taken)


def starts(caught: Sequence[Caught]) -> list[int]:
    """The first blocks of the ranges taken."""
    return [one.block_range.start for one in caught]


def assert_complete(pipeline: Pipeline, tmp_path: Path) -> None:
    """All is as in a lake that was filled at once."""
    clean = pipeline.into(tmp_path / "clean")
    clean.run(0, clean.net.head)
    assert_same(
        contents(pipeline.tables, canonical_only=True), contents(clean.tables, canonical_only=True)
    )
    assert_no_duplicates(pipeline.tables)
    assert not pipeline.ops.holds.find()


@dataclass
class TooMuch:
    """A source that takes more memory, or more time, than there is for more than `most` blocks."""

    source: DevnetSource
    most: int
    error: type[Exception]
    asked: list[int] = field(default_factory=list)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        self.asked.append(len(numbers))
        if len(numbers) > self.most:
            raise self.error("too much")
        return self.source.blocks(numbers)

    def head(self) -> Header:
        return self.source.head()

    def finalized(self) -> Header | None:
        return self.source.finalized()

    def header(self, number: int) -> Header:
        return self.source.header(number)


def faulty(kind: FaultKind, *blocks: int, times: int | None = None) -> Faults:
    """One fault, in these blocks."""
    return Faults(rules=(Fault(kind=kind, blocks=frozenset(blocks), times=times),))
