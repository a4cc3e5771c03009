"""What a hold is, and what becomes of it when its block fails once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from chain_assets.core.retries import RetryPolicy, is_dead, wait_after

Stage = Literal["fetch", "prove", "decode", "enrich"]
HoldState = Literal["waiting", "dead", "dropped"]
STAGES: tuple[Stage, ...] = ("fetch", "prove", "decode", "enrich")


@dataclass(frozen=True)
class Failure:
    """A block that did not come through `stage` just now.

    `missing` are keys of what would heal it, such as `price:native`, `token:0x…`, `label` or
    `provider`; `seen` are the names of the nodes that were asked for it until now.
    """

    number: int
    stage: Stage
    block_range: str
    reason: str
    hash: bytes | None = None
    missing: tuple[str, ...] = ()
    seen: str | None = None


@dataclass(frozen=True)
class Hold:
    """A held block. Times are Unix seconds; the rest is of the last failure.

    waiting: tried again at `next_try_at`. dead: failed too often. dropped: given up by a person.
    """

    chain: str
    number: int
    stage: Stage
    block_range: str
    reason: str
    hash: bytes | None
    missing: tuple[str, ...]
    seen: str | None
    attempts: int
    first_at: float
    last_at: float
    next_try_at: float
    state: HoldState

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Hold:
        """The hold of a row of `ops_holds`."""
        return cls(**{**row, "missing": tuple(row["missing"])})

    def row(self) -> dict[str, Any]:
        """The row of `ops_holds`."""
        return {**asdict(self), "missing": list(self.missing)}


def hold_after(
    failure: Failure,
    former: Hold | None,
    *,
    chain: str,
    now: float,
    draw: float,
    policy: RetryPolicy,
) -> Hold:
    """The hold that `failure` makes of `former`. `draw` is a random number of [0, 1).

    A block that a reorg put in the place of another starts anew, also where a person had dropped
    the other one.
    """
    if former and failure.hash and former.hash and failure.hash != former.hash:
        former = None
    attempts = 1 if former is None else former.attempts + 1
    state: HoldState = "dead" if is_dead(attempts, policy=policy) else "waiting"
    if former and former.state == "dropped":
        state = "dropped"
    return Hold(
        chain=chain,
        number=failure.number,
        stage=failure.stage,
        block_range=failure.block_range,
        reason=failure.reason,
        hash=failure.hash or (former.hash if former else None),
        missing=failure.missing,
        seen=failure.seen,
        attempts=attempts,
        first_at=now if former is None else former.first_at,
        last_at=now,
        next_try_at=now + wait_after(attempts, draw=draw, policy=policy),
        state=state,
    )
