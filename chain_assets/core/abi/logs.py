"""Logs as the event decoder sees them: topics and data as columns, arguments decoded by layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chain_assets.core.abi.columns import (
    BinaryColumn,
    Column,
    WordColumn,
    binary_column,
)
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import Mask, Positions, RowFates
from chain_assets.core.abi.signatures import Event
from chain_assets.core.abi.types import WORD_BYTES, WordType, unique_names
from chain_assets.core.abi.word_rules import word_is_valid

TOPIC_COLUMNS = ("topic0", "topic1", "topic2", "topic3")
LOG_COLUMNS = (*TOPIC_COLUMNS, "data")

# What stands in the topic of an indexed argument that is not one word: the Keccak-256 of its
# value (Contract ABI Specification, "Encoding of Indexed Event Parameters").
HASH = WordType("bytes32", "bytesN", 256)


@dataclass(frozen=True)
class LogColumns:
    """The topics and data of some logs."""

    topics: tuple[BinaryColumn, ...]
    data: BinaryColumn

    @property
    def topic_counts(self) -> Positions:
        """How many topics each log has, 0 to 4."""
        present = np.stack([topic.present for topic in self.topics])
        return np.asarray(present.sum(axis=0, dtype=np.int64))

    @property
    def well_formed(self) -> Mask:
        """Whether a log's topics are 32 bytes each and stand without a gap."""
        result = np.ones(len(self.data.starts), np.bool_)
        for topic in self.topics:
            result &= ~topic.present | (topic.sizes == WORD_BYTES)
        for topic, following in zip(self.topics, self.topics[1:], strict=False):
            result &= topic.present | ~following.present
        return result

    def decode(self, event: Event, rows: Positions) -> tuple[list[Column], RowFates]:
        """The arguments of `rows` read as `event`, in the order of its declaration.

        Each of `rows` must be well formed and have as many topics as the event.
        """
        starts, ends = self.data.starts[rows], self.data.ends[rows]
        fates = RowFates(ends - starts)
        everyone = np.arange(len(rows))
        names = unique_names([one.name for one in event.parameters])
        body_names = [
            name for name, one in zip(names, event.parameters, strict=True) if not one.indexed
        ]
        body = iter(
            decode_arguments(
                [one.type for one in event.body],
                body_names,
                source=self.data,
                starts=starts,
                ends=ends,
                fates=fates,
            )
        )
        topics = iter(self.topics if event.anonymous else self.topics[1:])
        columns: list[Column] = []
        for name, parameter in zip(names, event.parameters, strict=True):
            if not parameter.indexed:
                columns.append(next(body))
                continue
            word_type = parameter.type if isinstance(parameter.type, WordType) else HASH
            words = next(topics).words(rows)
            reason = f"argument {name}: its topic is not a valid {word_type.canonical}"
            fates.require(everyone, word_is_valid(word_type, words), reason)
            columns.append(WordColumn(word_type, words))
        return columns, fates


def log_columns(logs: Any) -> LogColumns:
    """The columns `topic0` to `topic3` (null where absent) and `data` of an Arrow table."""
    topics = tuple(binary_column(logs[name]) for name in TOPIC_COLUMNS)
    return LogColumns(topics, binary_column(logs["data"]))
