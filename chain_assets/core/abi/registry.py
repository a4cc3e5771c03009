"""The registry: which events and functions a log or a call may be.

Built once from the standard ABIs that ship with the package, and from any folder of ABI JSON
files; then frozen, small enough to travel to every worker, and named by its digest, so that a
row can say which registry decoded it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import orjson

from chain_assets.core.abi.signatures import (
    Event,
    Function,
    event_from_json,
    function_from_json,
)
from chain_assets.core.errors import ReferenceFileError

# In order of precedence: where two share a signature and its layout, the first one's names count.
STANDARD_ABIS = (
    "erc20",
    "erc721",
    "erc1155",
    "erc4626",
    "weth",
    "early_tokens",
    "uniswap_v2",
    "uniswap_v3",
    "chainlink_aggregator",
    "safe",
    "permit2",
    "erc4337_entrypoint",
    "aave_v3_pool",
    "seaport",
)
# Entries of an ABI that no log and no transaction's input is decoded by.
_IGNORED = ("constructor", "fallback", "receive", "error")


@dataclass(frozen=True, eq=False)
class Registry:
    """Candidates by key, each list in order of precedence.

    `events` is keyed by topic 0 and the number of topics, since one signature may be declared
    with different arguments indexed; `functions` by selector. `digest` is the SHA-256, in hex,
    of everything that decides how a row is decoded: registries of one digest are equal.
    """

    events: Mapping[tuple[bytes, int], tuple[Event, ...]]
    functions: Mapping[bytes, tuple[Function, ...]]
    digest: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Registry) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def topic0s(self) -> frozenset[bytes]:
        return frozenset(topic0 for topic0, _ in self.events)


def build_registry(records: Iterable[Event | Function]) -> Registry:
    """A registry of `records`, in order of precedence.

    The same signature with the same layout counts once, for the first. Anonymous events are left
    out: their logs carry no key.
    """
    events: dict[tuple[bytes, int], dict[tuple[object, ...], Event]] = {}
    functions: dict[bytes, dict[str, Function]] = {}
    for record in records:
        if isinstance(record, Function):
            functions.setdefault(record.selector, {}).setdefault(record.signature, record)
        elif not record.anonymous:
            layout = (record.signature, *(one.indexed for one in record.parameters))
            candidates = events.setdefault((record.topic0, record.topic_count), {})
            candidates.setdefault(layout, record)
    kept_events = {key: tuple(found.values()) for key, found in sorted(events.items())}
    kept_functions = {key: tuple(found.values()) for key, found in sorted(functions.items())}
    return Registry(kept_events, kept_functions, _digest(kept_events, kept_functions))


def _digest(
    events: Mapping[tuple[bytes, int], tuple[Event, ...]],
    functions: Mapping[bytes, tuple[Function, ...]],
) -> str:
    # The repr of a frozen record shows every field of its tree, names and indexed flags included.
    content = [repr(one) for found in (*events.values(), *functions.values()) for one in found]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


@lru_cache(maxsize=1)
def standard_registry() -> Registry:
    """The registry of the standard ABIs alone."""
    return build_registry(_standard_records())


def load_registry(folder: Path | None) -> Registry:
    """The standard ABIs, and after them every `*.json` in `folder`, by file name.

    A file is a list of ABI entries, or an object with such a list under "abi" (as Truffle and
    Hardhat write it); its stem becomes the `abi_source` of what it decodes. Raises
    ReferenceFileError, naming the file, for one that cannot be used.
    """
    if folder is None:
        return standard_registry()
    if not folder.is_dir():
        raise ReferenceFileError(
            f"the ABI folder {folder} is not there", todo="Create it, or unset it"
        )
    records = [*_standard_records()]
    for path in sorted(folder.glob("*.json")):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _refusal(path, f"cannot be read ({error.strerror})") from error
        records.extend(_records_from_bytes(content, abi_source=path.stem, origin=path))
    return build_registry(records)


def _standard_records() -> Iterable[Event | Function]:
    shipped = resources.files("chain_assets.core.abi") / "standard"
    for name in STANDARD_ABIS:
        content = (shipped / f"{name}.json").read_bytes()
        yield from _records_from_bytes(content, abi_source=name, origin=Path(f"{name}.json"))


def _records_from_bytes(
    content: bytes, *, abi_source: str, origin: Path
) -> Iterable[Event | Function]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _refusal(origin, f"is not JSON ({error})") from error
    entries = document.get("abi") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise _refusal(origin, 'is neither a list of entries nor an object with one under "abi"')
    for index, entry in enumerate(entries):
        try:
            record = _record(entry, abi_source)
        except ReferenceFileError as error:
            name = entry.get("name") if isinstance(entry, dict) else None
            place = f"entry {index}" + (f" ({name})" if isinstance(name, str) else "")
            raise _refusal(origin, f"{place}: {error.what}") from error
        if record is not None:
            yield record


def _record(entry: object, abi_source: str) -> Event | Function | None:
    if not isinstance(entry, dict):
        raise ReferenceFileError("it is not an object")
    # "type can be omitted, defaulting to 'function'" (Contract ABI Specification, "JSON").
    kind = entry.get("type", "function")
    if kind == "event":
        return event_from_json(entry, abi_source=abi_source)
    if kind == "function":
        return function_from_json(entry, abi_source=abi_source)
    if kind in _IGNORED:
        return None
    raise ReferenceFileError(f"its type is {kind!r}, which no ABI entry has")


def _refusal(origin: Path, what: str) -> ReferenceFileError:
    return ReferenceFileError(
        f"the ABI file {origin} {what}", todo="Correct the file, or take it out of the folder"
    )
