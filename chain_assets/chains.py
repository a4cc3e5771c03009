"""A chain as chains.toml describes it: frozen records, and the parser that checks every key.

Every mistake is a ConfigError that names the file, the chain and the key.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, get_args

from chain_assets.core.block_range import Delimiter, check_delimiters
from chain_assets.core.requirement import Requirement
from chain_assets.toml_table import TomlTable, shown

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9_-]+")
# Of an amount: the point cannot stand further left.
_DIGITS = 38
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
    ws_url_env: tuple[str, ...] = ()
    recorded_env: str | None = None
    requests_per_second: float | None = None
    freshness: Freshness = field(default_factory=Freshness)
    max_price_age: int = 86_400
    requires: tuple[Requirement, ...] = ("native_price",)
    approve_backfill_above: int | None = None
    approve_refresh: bool = True
    follow: bool = False
    devnet: DevnetShape | None = None


def parse_chain(name: str, values: dict[str, Any], *, file: str) -> Chain:
    """The record of the table `[chains.<name>]` in `file`. Raises ConfigError."""
    table = TomlTable(values, file=file, chain=name)
    requires = table.maybe("requires", lambda v: _requires(table, v))
    source: SourceKind = table.choice("source", get_args(SourceKind))
    chain = Chain(
        name=_chain_name(table, name),
        chain_id=table.positive("chain_id"),
        native_symbol=table.take("native_symbol", str),
        native_decimals=table.whole("native_decimals", 18, most=_DIGITS),
        source=source,
        ranges=table.maybe("ranges", lambda v: _ranges(table, v)) or _missing_ranges(table),
        start_block=table.whole("start_block", 0),
        block_time_seconds=_seconds(table, "block_time_seconds"),
        finality=_finality(table),
        max_reorg_depth=table.positive("max_reorg_depth"),
        proof_rules=table.choice("proof_rules", get_args(ProofRules)),
        rpc_url_env=table.maybe("rpc_url_env", lambda v: _names(table, "rpc_url_env", v)) or (),
        ws_url_env=table.maybe("ws_url_env", lambda v: _names(table, "ws_url_env", v)) or (),
        recorded_env=table.take("recorded_env", str, "") or None,
        requests_per_second=_rate(table),
        freshness=table.maybe("freshness", lambda v: _freshness(table, v)) or Freshness(),
        max_price_age=table.positive("max_price_age", 86_400),
        requires=Chain.requires if requires is None else requires,
        approve_backfill_above=table.whole("approve_backfill_above", 0) or None,
        approve_refresh=table.take("approve_refresh", bool, True),
        follow=table.take("follow", bool, False),
        devnet=table.maybe("devnet", lambda v: _devnet(table, v)),
    )
    table.finish()
    needed = {"rpc": "rpc_url_env", "recorded": "recorded_env", "devnet": "devnet"}[source]
    if not getattr(chain, needed):
        raise table.error(needed, f"is missing: source is {source!r}")
    return chain


def _chain_name(table: TomlTable, name: str) -> str:
    # The name becomes a folder, a Delta partition value and part of an asset key.
    if _NAME.fullmatch(name) is None:
        raise table.error("", f"is not a chain name: {name!r}", todo="Use a-z, 0-9, - and _")
    return name


def _ranges(table: TomlTable, values: Any) -> tuple[Delimiter, ...]:
    if not isinstance(values, list) or not values:
        raise table.error("ranges", f"must be a list of {{from, size}}, not {shown(values)}")
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


def _missing_ranges(table: TomlTable) -> tuple[Delimiter, ...]:
    raise table.error("ranges", "is missing")


def _seconds(table: TomlTable, key: str) -> float:
    value = table.take(key, float)
    if not 0 < value < math.inf:
        raise table.error(key, f"must be above 0 and finite, not {value}")
    return value


def _rate(table: TomlTable) -> float | None:
    """None where no rate is set."""
    value = table.take("requests_per_second", float, math.inf)
    # Not `value <= 0`: not a number is no rate, either.
    if not value > 0:
        raise table.error("requests_per_second", f"must be above 0, not {value}")
    return None if value == math.inf else value


def _finality(table: TomlTable) -> int | None:
    def read(value: Any) -> int:
        if value == "tag":
            return -1
        if type(value) is int and value >= 0:
            return value
        raise table.error("finality", f'must be "tag" or a number of blocks, not {shown(value)}')

    blocks = table.maybe("finality", read)
    if blocks is None:
        raise table.error("finality", "is missing")
    return None if blocks == -1 else blocks


def _names(table: TomlTable, key: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise table.error(key, "must be a list of names of environment variables")
    for value in values:
        # A URL written here by mistake would show its key in every error about this variable.
        if not value.replace("_", "").isalnum():
            raise table.error(
                key, "must hold names of environment variables", todo="Put URLs in the environment"
            )
    return tuple(values)


def _requires(table: TomlTable, values: Any) -> tuple[Requirement, ...]:
    known = get_args(Requirement)
    if not isinstance(values, list) or not all(value in known for value in values):
        raise table.error("requires", "must be a list", todo=f"Of: {', '.join(known)}")
    return tuple(values)


def _freshness(table: TomlTable, values: Any) -> Freshness:
    entry = table.table("freshness", values)
    freshness = Freshness(warn=entry.positive("warn", 900), fail=entry.positive("fail", 3600))
    entry.finish()
    # Dagster refuses windows under a minute, and a warning after the failure says nothing.
    if not 60 <= freshness.warn < freshness.fail:
        raise table.error("freshness", "needs 60 <= warn < fail (seconds)")
    return freshness


def _utc(table: TomlTable, key: str, value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise table.error(key, f"must be a time with its zone, like 2026-01-01T00:00:00Z, not {value}")


def _devnet(table: TomlTable, values: Any) -> DevnetShape:
    entry = table.table("devnet", values)
    shape = DevnetShape(
        seed=entry.take("seed", int, 1),
        blocks=entry.positive("blocks", 2000),
        transactions_per_block=entry.positive("transactions_per_block", 8),
        genesis=entry.maybe("genesis", lambda v: _utc(entry, "genesis", v)),
    )
    entry.finish()
    return shape
