"""Events and calls of one block's JSON, decoded row by row with eth_abi."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from chain_assets_tests.slow_route.abi_files import (
    AbiEntry,
    argument_names,
    events_of,
    functions_of,
    type_text,
)
from chain_assets_tests.slow_route.agreement import AnyText
from chain_assets_tests.slow_route.chain_rows import of_block
from chain_assets_tests.slow_route.readers import Json, Row, data, whole

# What eth_abi raises for bytes that are not of the types: a string that is no UTF-8 is the second.
NOT_OF_THE_TYPES = (DecodingError, UnicodeDecodeError, OverflowError)
_ONE_WORD = ("uint", "int", "bool", "address", "bytes", "function", "fixed", "ufixed")


def events(document: Json) -> list[Row]:
    """The rows of `decoded_events`: one a log."""
    return [
        {
            **of_block(document),
            "transaction_hash": data(log["transactionHash"]),
            "log_index": whole(log["logIndex"]),
            "address": data(log["address"]),
            **_outcome("event", *_event(log)),
        }
        for receipt in document["receipts"] or []
        for log in receipt["logs"]
    ]


def calls(document: Json) -> list[Row]:
    """The rows of `decoded_calls`: one a transaction with input."""
    return [
        {
            **of_block(document),
            "transaction_hash": data(transaction["hash"]),
            "transaction_index": whole(transaction["transactionIndex"]),
            "to_address": None if transaction["to"] is None else data(transaction["to"]),
            **_outcome("function", *_call(transaction)),
        }
        for transaction in document["block"]["transactions"]
        if transaction["input"] != "0x"
    ]


def _outcome(name: str, entry: AbiEntry | None, args: str | None) -> Row:
    return {
        name: entry and entry.name,
        "signature": entry and entry.signature,
        "args": args,
        "status": "decoded" if entry else "undecoded",
        "reason": None if entry else AnyText(),
        "abi_source": entry and entry.source,
    }


def _event(log: Json) -> tuple[AbiEntry | None, str | None]:
    topics = [data(topic) for topic in log["topics"]]
    for entry in events_of(topics[0], len(topics)) if topics else ():
        try:
            values = event_values(entry.inputs, topics[1:], data(log["data"]))
        except NOT_OF_THE_TYPES:
            continue
        return entry, _text(entry.inputs, values)
    return None, None


def _call(transaction: Json) -> tuple[AbiEntry | None, str | None]:
    call_data = data(transaction["input"])
    if transaction["to"] is None or len(call_data) < 4:
        return None, None
    for entry in functions_of(call_data[:4]):
        try:
            values = decode([type_text(one) for one in entry.inputs], call_data[4:])
        except NOT_OF_THE_TYPES:
            continue
        return entry, _text(entry.inputs, values)
    return None, None


def event_values(inputs: Sequence[Json], topics: Sequence[bytes], body: bytes) -> list[Any]:
    """The arguments in their order: from the topics where indexed, from the data otherwise.

    The topic of an argument that is not one word is a hash, and is given as it is.
    """
    plain = [type_text(one) for one in inputs if not one.get("indexed")]
    from_topics, from_body = iter(topics), iter(decode(plain, body))
    values: list[Any] = []
    for one in inputs:
        if not one.get("indexed"):
            values.append(next(from_body))
        elif _is_one_word(type_text(one)):
            (value,) = decode([type_text(one)], next(from_topics))
            values.append(value)
        else:
            values.append(next(from_topics))
    return values


def _is_one_word(text: str) -> bool:
    return text not in ("bytes", "string") and "[" not in text and text.startswith(_ONE_WORD)


def _text(inputs: Sequence[Json], values: Sequence[Any]) -> str:
    """The `args` of a row: compact JSON."""
    return json.dumps(_object(inputs, values), ensure_ascii=False, separators=(",", ":"))


def _object(inputs: Sequence[Json], values: Sequence[Any]) -> Json:
    pairs = zip(argument_names(inputs), inputs, values, strict=True)
    return {name: _rendered(one, value) for name, one, value in pairs}


def _rendered(parameter: Json, value: Any) -> Any:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return value
    text = str(parameter["type"])
    if text.endswith("]"):
        item = {**parameter, "type": text[: text.rindex("[")]}
        return [_rendered(item, one) for one in value]
    return _object(parameter["components"], value)
