"""What a log that moves tokens looks like, and what it says: shared by both ways to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import Column, ListColumn, WordColumn
from chain_assets.core.abi.fates import Positions
from chain_assets.core.abi.signatures import Event, event_from_text
from chain_assets.core.words import DECIMAL, Bytes2D

Standard = Literal["erc20", "erc721", "erc1155"]

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("batch_index", pa.int64()),
        ("standard", pa.string()),
        ("operator", pa.binary()),
        ("from_address", pa.binary()),
        ("to_address", pa.binary()),
        ("token_id", DECIMAL),
        ("token_id_raw", pa.binary()),
        ("value", DECIMAL),
        ("value_raw", pa.binary()),
    ]
)

_TRANSFER = "Transfer(address {0}from, address {1}to, uint256 {2}value)"
_SINGLE = (
    "TransferSingle(address {0}operator, address {1}from, address {2}to, uint256 id, uint256 value)"
)
_BATCH = (
    "TransferBatch(address {0}operator, address {1}from, address {2}to,"
    " uint256[] ids, uint256[] values)"
)


def _layouts() -> dict[tuple[bytes, int], Event]:
    """Each of the three events with none to three of its leading arguments indexed, by key."""
    events = [
        event_from_text(text.format(*["indexed "] * indexed, *[""] * (3 - indexed)))
        for text in (_TRANSFER, _SINGLE, _BATCH)
        for indexed in range(4)
    ]
    return {(event.topic0, event.topic_count): event for event in events}


LAYOUTS = _layouts()


@dataclass(frozen=True)
class Moves:
    """Transfers of one kind; `rows` are log rows, None stands for a column of nulls."""

    rows: Positions
    batch_index: Positions
    standard: Standard
    operator: Bytes2D | None
    sender: Bytes2D
    receiver: Bytes2D
    token_id: Bytes2D | None
    value: Bytes2D


def batch_moves(columns: Sequence[Column], rows: Positions, good: Positions) -> Moves:
    """The items of batches: `columns` are arguments of `rows`, of which only `good` may be read.

    A batch with different numbers of ids and of values has none.
    """
    operator, sender, receiver = (cast(WordColumn, column).words for column in columns[:3])
    ids, values = (cast(ListColumn, column) for column in columns[3:])
    counts = np.diff(ids.offsets)
    good = good[counts[good] == np.diff(values.offsets)[good]]
    counts = counts[good]
    owner = np.repeat(good, counts)
    index = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return Moves(
        rows[owner],
        index,
        "erc1155",
        operator[owner],
        sender[owner],
        receiver[owner],
        cast(WordColumn, ids.items).words[ids.offsets[owner] + index],
        cast(WordColumn, values.items).words[values.offsets[owner] + index],
    )
