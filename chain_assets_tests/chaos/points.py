"""The fault points with all of their parts, and what a round needs for each of them to be met."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from chain_assets.core.fault_points import FaultPoint
from chain_assets.core.schemas import ENRICHED_TABLES, RAW_BLOCKS, REORGS, TABLES
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.pipeline import LAYERS

Need = Literal[
    "new lake", "reorg", "deep reorg", "failure", "healing", "orphaned lease", "metadata", "time"
]


class Place(NamedTuple):
    """A fault point, and which of several alike."""

    point: FaultPoint
    part: str = ""

    def __str__(self) -> str:
        return f"{self.point} ({self.part})" if self.part else self.point


# Tables whose rows say which version they were made by.
_MARKED = ("block_proofs", "decoded_blocks", "enriched_blocks")
_OF_LAYERS = tuple(table.name for table in (RAW_BLOCKS, *WRITTEN, *ENRICHED_TABLES))
_OPS = ("schema", "lease", "holds", "approvals", "watermark", "rate", "unfinished")
_PARTS: dict[FaultPoint, tuple[str, ...]] = {
    "file to store": tuple(TABLES),
    "file stored": tuple(TABLES),
    "commit to make": tuple(TABLES),
    "commit made": tuple(TABLES),
    "rows to mark": _MARKED,
    "rows marked": _MARKED,
    "token left": _OF_LAYERS,
    "ops change to commit": _OPS,
    "ops change committed": _OPS,
    "lease to acquire": LAYERS,
    "lease acquired": LAYERS,
    "lease to release": LAYERS,
    "lease released": LAYERS,
}
PLACES = tuple(
    Place(point, part) for point in get_args(FaultPoint) for part in _PARTS.get(point, ("",))
)

_NEEDS: dict[FaultPoint, Need] = {
    "token left": "orphaned lease",
    "reference written": "metadata",
    "holds put": "failure",
    "holds settled": "healing",
    "reorg found": "reorg",
    "other side fetched": "reorg",
    "reorg followed": "reorg",
    "reorg told": "reorg",
    "approval used": "deep reorg",
    "lease extended": "time",
}
_NEEDS_OF_PARTS: dict[str, Need] = {
    "approvals": "deep reorg",
    "holds": "failure",
    "unfinished": "reorg",
    REORGS.name: "reorg",
    ENTITY_LABELS.name: "metadata",
    TOKEN_METADATA.name: "metadata",
    TOKEN_PRICES.name: "metadata",
}


# What only a new lake has.
BIRTH = (
    Place("ops change to commit", "schema"),
    Place("ops change committed", "schema"),
    Place("table to make"),
)


def place_of(point: FaultPoint, part: str) -> Place:
    """The place of a visit. Of a point that is not told apart by parts all are one place."""
    return Place(point, part if point in _PARTS else "")


def need_of(place: Place) -> Need | None:
    """What has to happen before a run comes to `place`; None: it comes there in any case where it
    has something to write."""
    if place in BIRTH:
        return "new lake"
    return _NEEDS.get(place.point) or _NEEDS_OF_PARTS.get(place.part)
