"""A chain as chains.toml describes it: frozen records, and the parser that checks every key.

Every mistake is a ConfigError that names the file, the chain and the key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, get_args

from chain_assets.core.block_range import Delimiter, check_delimiters
from chain_assets.core.errors import ConfigError

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9_-]+")
SourceKind = Literal["rpc", "recorded", "devnet"]
ProofRules = Literal["ethereum", "op_stack", "arbitrum", "bor"]


@dataclass(frozen=True)
class Freshness:
    """Seconds without a materialization after which a layer is late (`warn`) or stale (`fail`)."""

    warn: int = 900
    fail: int = 3600


@dataclass(frozen=True)
class DevnetShape:
    """What a made-up chain looks like.

    It has `blocks` blocks; with a `genesis` it has one more every block time since then instead.
    """

    seed: int = 1
    blocks: int = 2000
    transactions_per_block: int = 8
    genesis: datetime | None = None


@dataclass(frozen=True)
class Chain:
    """One chain, as chains.toml describes it. `finality` None: the node's `finalized` tag."""

    name: str
    chain_id: int
    native_symbol: str
    source: SourceKind
    ranges: tuple[Delimiter, ...]
    block_time_seconds: float
    finality: int | None
    max_reorg_depth: int
    proof_rules: ProofRules
    native_decimals: int = 18
    start_block: int = 0
    rpc_url_env: tuple[str, ...] = ()
    recorded_env: str | None = None
    freshness: Freshness = field(default_factory=Freshness)
    max_price_age: int = 86_400
    follow: bool = False
    devnet: DevnetShape | None = None


class _Table:
    """A TOML table whose keys are taken one by one; what is left over at the end is unknown."""

    def __init__(self, values: dict[str, Any], *, file: str, chain: str, prefix: str = "") -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self._file, self._chain, self._prefix = file, chain, prefix

    def error(self, key: str, what: str, *, todo: str | None = None) -> ConfigError:
        return ConfigError(
            f"{self._file}: key '{self._prefix}{key}' {what}", chain=self._chain, todo=todo
        )

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        self._known.append(key)
        if key not in self._left:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = self._left.pop(key)
        # bool is an int and an int is a fine float; all else must be what it is.
        if kind is float and type(value) is int:
            return kind(value)  # type: ignore[call-arg]
        if type(value) is not kind:
            raise self.error(key, f"must be {kind.__name__}, not {_shown(value)}")
        return value

    def whole(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        value = self.take(key, int, default)
        if value < least:
            raise self.error(key, f"must be at least {least}, not {value}")
        return value

    def positive(self, key: str, default: int | None = None) -> int:
        return self.whole(key, default, least=1)

    def choice(self, key: str, choices: tuple[Any, ...]) -> Any:
        value = self.take(key, str)
        if value not in choices:
            raise self.error(key, f"is {_shown(value)}", todo=f"Use one of: {', '.join(choices)}")
        return value

    def maybe(self, key: str, read: Callable[[Any], T]) -> T | None:
        self._known.append(key)
        return read(self._left.pop(key)) if key in self._left else None

    def table(self, key: str, values: Any) -> _Table:
        if not isinstance(values, dict):
            raise self.error(key, f"must be a table, not {_shown(values)}")
        return _Table(values, file=self._file, chain=self._chain, prefix=f"{self._prefix}{key}.")

    def finish(self) -> None:
        if self._left:
            todo = f"Known: {', '.join(self._known)}"
            raise self.error(min(self._left), "is unknown", todo=todo)


def _shown(value: Any) -> str:
    """The value for an error. A URL carries a key, in whatever place a person wrote it."""
    text = repr(value)
    return "a URL" if "://" in text else text


def parse_chain(name: str, values: dict[str, Any], *, file: str) -> Chain:
    """The record of the table `[chains.<name>]` in `file`. Raises ConfigError."""
    table = _Table(values, file=file, chain=name)
    source: SourceKind = table.choice("source", get_args(SourceKind))
    chain = Chain(
        name=_chain_name(table, name),
        chain_id=table.positive("chain_id"),
        native_symbol=table.take("native_symbol", str),
        native_decimals=table.whole("native_decimals", 18),
        source=source,
        ranges=table.maybe("ranges", lambda v: _ranges(table, v)) or _missing_ranges(table),
        start_block=table.whole("start_block", 0),
        block_time_seconds=_seconds(table, "block_time_seconds"),
        finality=_finality(table),
        max_reorg_depth=table.positive("max_reorg_depth"),
        proof_rules=table.choice("proof_rules", get_args(ProofRules)),
        rpc_url_env=table.maybe("rpc_url_env", lambda v: _names(table, "rpc_url_env", v)) or (),
        recorded_env=table.take("recorded_env", str, "") or None,
        freshness=table.maybe("freshness", lambda v: _freshness(table, v)) or Freshness(),
        max_price_age=table.positive("max_price_age", 86_400),
        follow=table.take("follow", bool, False),
        devnet=table.maybe("devnet", lambda v: _devnet(table, v)),
    )
    table.finish()
    needed = {"rpc": "rpc_url_env", "recorded": "recorded_env", "devnet": "devnet"}[source]
    if not getattr(chain, needed):
        raise table.error(needed, f"is missing: source is {source!r}")
    return chain


def _chain_name(table: _Table, name: str) -> str:
    # The name becomes a folder, a Delta partition value and part of an asset key.
    if _NAME.fullmatch(name) is None:
        raise table.error("", f"is not a chain name: {name!r}", todo="Use a-z, 0-9, - and _")
    return name


def _ranges(table: _Table, values: Any) -> tuple[Delimiter, ...]:
    if not isinstance(values, list) or not values:
        raise table.error("ranges", f"must be a list of {{from, size}}, not {_shown(values)}")
    delimiters = []
    for index, value in enumerate(values):
        entry = table.table(f"ranges[{index}]", value)
        delimiters.append(Delimiter(entry.take("from", int), entry.take("size", int)))
        entry.finish()
    try:
        check_delimiters(delimiters)
    except ValueError as error:
        raise table.error("ranges", f"is wrong: {error}") from error
    return tuple(delimiters)


def _missing_ranges(table: _Table) -> tuple[Delimiter, ...]:
    raise table.error("ranges", "is missing")


def _seconds(table: _Table, key: str) -> float:
    value = table.take(key, float)
    if not 0 < value < math.inf:
        raise table.error(key, f"must be above 0 and finite, not {value}")
    return value


def _finality(table: _Table) -> int | None:
    def read(value: Any) -> int:
        if value == "tag":
            return -1
        if type(value) is int and value >= 0:
            return value
        raise table.error("finality", f'must be "tag" or a number of blocks, not {_shown(value)}')

    blocks = table.maybe("finality", read)
    if blocks is None:
        raise table.error("finality", "is missing")
    return None if blocks == -1 else blocks


def _names(table: _Table, key: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise table.error(key, "must be a list of names of environment variables")
    for value in values:
        # A URL written here by mistake would show its key in every error about this variable.
        if not value.replace("_", "").isalnum():
            raise table.error(
                key, "must hold names of environment variables", todo="Put URLs in the environment"
            )
    return tuple(values)


def _freshness(table: _Table, values: Any) -> Freshness:
    entry = table.table("freshness", values)
    freshness = Freshness(warn=entry.positive("warn", 900), fail=entry.positive("fail", 3600))
    entry.finish()
    # Dagster refuses windows under a minute, and a warning after the failure says nothing.
    if not 60 <= freshness.warn < freshness.fail:
        raise table.error("freshness", "needs 60 <= warn < fail (seconds)")
    return freshness


def _utc(table: _Table, key: str, value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise table.error(key, f"must be a time with its zone, like 2026-01-01T00:00:00Z, not {value}")


def _devnet(table: _Table, values: Any) -> DevnetShape:
    entry = table.table("devnet", values)
    shape = DevnetShape(
        seed=entry.take("seed", int, 1),
        blocks=entry.positive("blocks", 2000),
        transactions_per_block=entry.positive("transactions_per_block", 8),
        genesis=entry.maybe("genesis", lambda v: _utc(entry, "genesis", v)),
    )
    entry.finish()
    return shape
