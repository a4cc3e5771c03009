"""Token transfers of one block's JSON, log by log with eth_abi.

A topic stands for an argument from the left: as many leading arguments are indexed as there are
topics after the first; the others are in the data. What does not decode is no transfer.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from eth_utils.crypto import keccak

from chain_assets_tests.slow_route.abi_rows import NOT_OF_THE_TYPES, event_values
from chain_assets_tests.slow_route.chain_rows import of_block
from chain_assets_tests.slow_route.readers import Json, Row, data, whole

_SIGNATURES = (
    "Transfer(address,address,uint256)",
    "TransferSingle(address,address,address,uint256,uint256)",
    "TransferBatch(address,address,address,uint256[],uint256[])",
)
_TYPES = {
    keccak(text=text): (text.partition("(")[0], text[text.index("(") + 1 : -1].split(","))
    for text in _SIGNATURES
}


def token_transfers(document: Json) -> list[Row]:
    """The rows of `decoded_token_transfers`."""
    return [
        {
            **of_block(document),
            "transaction_hash": data(log["transactionHash"]),
            "log_index": whole(log["logIndex"]),
            "token_address": data(log["address"]),
            "batch_index": batch_index,
            **moved,
        }
        for receipt in document["receipts"] or []
        for log in receipt["logs"]
        for batch_index, moved in enumerate(_moved(log))
    ]


def _moved(log: Json) -> Iterator[Row]:
    topics = [data(topic) for topic in log["topics"]]
    if not topics or topics[0] not in _TYPES:
        return
    name, types = _TYPES[topics[0]]
    indexed = len(topics) - 1
    inputs = [{"type": text, "indexed": i < indexed} for i, text in enumerate(types)]
    try:
        values = event_values(inputs, topics[1:], data(log["data"]))
    except NOT_OF_THE_TYPES:
        return
    if name == "Transfer" and indexed == 3:
        yield _row("erc721", [None, values[0], values[1]], values[2], 1)
    elif name == "Transfer":
        yield _row("erc20", [None, values[0], values[1]], None, values[2])
    elif name == "TransferSingle":
        yield _row("erc1155", values[:3], values[3], values[4])
    elif len(values[3]) == len(values[4]):
        for token_id, value in zip(values[3], values[4], strict=True):
            yield _row("erc1155", values[:3], token_id, value)


def _row(standard: str, parties: list[str | None], token_id: int | None, value: int) -> Row:
    """`parties`: operator, sender and receiver."""
    operator, sender, receiver = (None if one is None else data(one) for one in parties)
    return {
        "standard": standard,
        "operator": operator,
        "from_address": sender,
        "to_address": receiver,
        "token_id": None if token_id is None else _amount(token_id),
        "token_id_raw": None if token_id is None else token_id.to_bytes(32, "big"),
        "value": _amount(value),
        "value_raw": value.to_bytes(32, "big"),
    }


def _amount(number: int) -> Decimal | None:
    return Decimal(number) if number < 10**38 else None
