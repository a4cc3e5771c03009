"""`RecordedSource`: a folder of block files (recording.py) as a source.

    <folder>/<chain>/blocks/<number>-<first 8 hex digits of the hash>.json.gz
    <folder>/<chain>/blocks-txonly/…       blocks without receipts, or any other subfolder
    <folder>/<chain>/…                     or no subfolder
    <folder>/blocks/…, blocks-txonly/…, …  a folder of one chain, where it has no folder <chain>

Subfolders are searched one level deep, and there only under these two names: any other may be that
of another chain. A file that is damaged concerns its own block and no other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    SourceError,
    SourceUnavailable,
)
from chain_assets.sources.protocol import Header, RawBlock
from chain_assets.sources.recording import (
    Recording,
    parse_name,
    read_raw_block,
    read_recording,
    write_recording,
)

__all__ = ["RecordedSource", "write_recording"]

_SUBFOLDERS = ("blocks", "blocks-txonly")
_log = logging.getLogger(__name__)


class RecordedSource:
    """The blocks of `chain` that lie in `folder`. Its head is the highest good one, and final.

    Of two files for one number the one with receipts is taken; where their hashes differ, the
    one to which the recorded neighbours link. Raises ConfigError for a folder that does not
    exist or holds no block of the chain. Files are looked up once: a new source sees new ones.
    """

    def __init__(self, chain: str, folder: Path) -> None:
        self.chain = chain
        self._folder, self._paths = _find_files(chain, folder)
        if not self._paths:
            raise ConfigError(
                f"no block files in {self._folder} or its folders",
                chain=chain,
                todo="Name a folder laid out as <chain>/blocks/<number>-<hash8>.json.gz",
            )
        self._chosen: dict[int, Recording] = {}
        self._head: Header | None = None

    def __repr__(self) -> str:
        return f"RecordedSource({self.chain}: {self._folder})"

    @property
    def numbers(self) -> list[int]:
        """The numbers of the recorded blocks, ascending."""
        return sorted(self._paths)

    def head(self) -> Header:
        """The highest recorded block whose file is good; those above it are warned of.

        Raises the error of the highest file where none is good, SourceUnavailable.
        """
        if self._head is None:
            self._head = self._highest()
        return self._head

    def finalized(self) -> Header | None:
        """The head: what is recorded does not change."""
        return self.head()

    def header(self, number: int) -> Header:
        """The recorded block `number`. Raises BlockNotFound, MalformedAnswer, SourceError."""
        return self._recording(number).header

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The recorded blocks `numbers`, in the order asked. Raises BlockNotFound at its place."""
        for number in numbers:
            path = self._path(number)
            name = f"recorded:{path.relative_to(self._folder)}"
            recording, block = read_raw_block(path, chain=self.chain, source=name)
            self._chosen[number] = recording
            yield block

    def _highest(self) -> Header:
        errors: list[SourceError] = []
        for number in reversed(self.numbers):
            try:
                return self.header(number)
            except SourceUnavailable:
                raise
            except SourceError as error:
                errors.append(error)
                _log.warning("%s: %s: the head is taken to be below it", self.chain, error.what)
        raise errors[0]

    def _recording(self, number: int) -> Recording:
        if number not in self._chosen:
            self._chosen[number] = read_recording(self._path(number), chain=self.chain)
        return self._chosen[number]

    def _path(self, number: int) -> Path:
        if number in self._chosen:
            return self._chosen[number].path
        paths = self._paths.get(number)
        if paths is None:
            raise BlockNotFound(
                f"not recorded in {self._folder}",
                chain=self.chain,
                block=number,
                todo=f"Recorded are {len(self._paths)} blocks, "
                f"from {min(self._paths)} to {max(self._paths)}",
            )
        if self._is_forked(number):
            self._settle(number)
            return self._chosen[number].path
        return self._sides(number)[0].path if len(paths) > 1 else paths[0]

    def _is_forked(self, number: int) -> bool:
        return len({_digits(path) for path in self._paths.get(number, ())}) > 1

    def _settle(self, number: int) -> None:
        """Choose the file for `number` and, since they decide it, for all of its fork."""
        first = last = number
        while self._is_forked(first - 1):
            first -= 1
        while self._is_forked(last + 1):
            last += 1
        sides = {number: self._sides(number)}
        for n in {*range(first, last + 1)} - {number}:
            sides[n] = self._sides_or_none(n)
        # A child commits to its parent by hash. The other way round is weaker: both sides of a
        # fork have the same parent, so it decides only where just one of them is its child.
        for neighbour in (first - 1, last + 1):
            if neighbour in self._paths:
                with suppress(SourceError):
                    self._recording(neighbour)
        for n in range(last, first - 1, -1):
            child = self._chosen.get(n + 1)
            self._choose(n, [side for side in sides[n] if child and child.links_to(side)])
        for n in range(first, last + 1):
            parent = self._chosen.get(n - 1)
            self._choose(n, [side for side in sides[n] if parent and side.links_to(parent)])
        if number not in self._chosen:
            raise SourceError(
                " and ".join(str(side.path) for side in sides[number])
                + " are different blocks, and no recorded neighbour links to just one",
                chain=self.chain,
                block=number,
                todo="Remove the one that is not canonical, or record the block after it",
            )

    def _choose(self, number: int, linked: list[Recording]) -> None:
        if len(linked) == 1:
            self._chosen.setdefault(number, linked[0])

    def _sides_or_none(self, number: int) -> list[Recording]:
        """The sides of a block that was not asked for: where one is damaged it decides nothing."""
        try:
            return self._sides(number)
        except SourceError:
            return []

    def _sides(self, number: int) -> list[Recording]:
        """One file for each hash: of two with the same hash the one with receipts."""
        by_hash: dict[bytes, Recording] = {}
        for path in self._paths[number]:
            found = read_recording(path, chain=self.chain)
            known = by_hash.setdefault(found.header.hash, found)
            if found.has_receipts and not known.has_receipts:
                by_hash[found.header.hash] = found
        return list(by_hash.values())


def _find_files(chain: str, folder: Path) -> tuple[Path, dict[int, list[Path]]]:
    """The folder of the chain, and the files of each number in it."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder", chain=chain, todo="Name a folder of blocks")
    own = folder / chain
    if own.is_dir():
        return own, _by_number([*own.glob("*"), *own.glob("*/*")])
    paths = [path for name in _SUBFOLDERS for path in (folder / name).glob("*")]
    return folder, _by_number([*folder.glob("*"), *paths])


def _by_number(paths: Sequence[Path]) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for path in sorted(paths):
        name = parse_name(path)
        if name and path.is_file():
            found.setdefault(name[0], []).append(path)
    return found


def _digits(path: Path) -> str:
    name = parse_name(path)
    return name[1][:8] if name else ""
