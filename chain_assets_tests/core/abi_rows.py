"""Logs and calls of made-up signatures from a seeded generator, good ones and damaged ones."""

from __future__ import annotations

from random import Random
from typing import Any

import pyarrow as pa
from eth_abi.abi import encode

from chain_assets.core.abi.registry import Registry, build_registry
from chain_assets.core.abi.signatures import (
    Event,
    Function,
    event_from_text,
    function_from_text,
)
from chain_assets.core.abi.types import WordType
from chain_assets_tests.core.abi_cases import (
    WORDS,
    damaged,
    random_type,
    random_value,
    slow_decode,
    slow_event,
    slow_json,
)

Log = tuple[list[bytes | None], bytes]


def random_registry(random: Random) -> Registry:
    """Some events, each declared in one to three ways, and some functions."""
    records: list[Event | Function] = []
    for number in range(6):
        types = _argument_types(random)
        for _ in range(random.randint(1, 3)):
            indexed = {random.randrange(len(types) or 1) for _ in range(random.randint(0, 3))}
            arguments = [
                f"{kind} {'indexed ' if index in indexed else ''}a{index}"
                for index, kind in enumerate(types)
            ]
            records.append(event_from_text(f"E{number}({', '.join(arguments)})"))
        records.append(function_from_text(f"f{number}({','.join(types)})"))
    return build_registry(records)


def _argument_types(random: Random) -> list[str]:
    # Half of them without anything but words, and of those many of several kinds.
    depth = random.choice([0, 3])
    types = [random_type(random, depth) for _ in range(random.randint(0, 5))]
    if random.random() < 0.5:
        types = [random.choice([*WORDS, "bytes32", "bytes4", "(bool,int8)"]) for _ in types]
    return types


def random_logs(random: Random, registry: Registry, count: int) -> list[Log]:
    """Logs of the registry's events, and every kind of thing that can be wrong with one."""
    events = [event for found in registry.events.values() for event in found]
    return [_random_log(random, random.choice(events)) for _ in range(count)]


def _random_log(random: Random, event: Event) -> Log:
    topics: list[bytes | None] = [event.topic0]
    for one in event.indexed:
        topic = random.randbytes(32)
        if isinstance(one.type, WordType):
            topic = encode([one.type.canonical], [random_value(random, one.type)])
        topics.append(damaged(random, topic)[:32] if random.random() < 0.1 else topic)
    body = [random_value(random, one.type) for one in event.body]
    data = encode([one.type.canonical for one in event.body], body)
    match random.randrange(20):
        case 0:
            topics.pop()
        case 1:
            topics[random.randrange(len(topics))] = None
        case 2:
            topics[0] = random.randbytes(random.choice([0, 8, 31, 32, 33]))
        case 3 if len(topics) < 4:
            topics.append(random.randbytes(32))
    return topics, damaged(random, data) if random.random() < 0.6 else data


def random_calls(random: Random, registry: Registry, count: int) -> Any:
    """Transactions with calls of the registry's functions, good and bad, as a table."""
    functions = [one for found in registry.functions.values() for one in found]
    inputs: list[bytes | None] = []
    receivers: list[bytes | None] = []
    for _ in range(count):
        function = random.choice(functions)
        types = [one.type for one in function.parameters]
        values = [random_value(random, one) for one in types]
        data = function.selector + encode([one.canonical for one in types], values)
        choice = random.randrange(12)
        data = [random.randbytes(4), data[: random.randrange(4)], data][min(choice, 2)]
        inputs.append(data[:4] + damaged(random, data[4:]) if random.random() < 0.5 else data)
        receivers.append(None if choice == 3 else random.randbytes(20))
    return pa.table({"input": inputs, "to_address": pa.array(receivers, pa.binary())})


def slow_log(registry: Registry, log: Log) -> tuple[str | None, Any]:
    """The signature and the arguments that the first fitting candidate gives, by eth_abi."""
    topics, data = log
    known = [topic for topic in topics if topic is not None]
    if any(len(topic) != 32 for topic in known) or topics[: len(known)] != known or not known:
        return None, None
    for event in registry.events.get((known[0], len(known)), ()):
        document = slow_event(event, known, data)
        if document is not None:
            return event.signature, document
    return None, None


def slow_call(registry: Registry, data: bytes, receiver: bytes | None) -> tuple[str | None, Any]:
    """As `slow_log`, for a transaction."""
    for function in registry.functions.get(data[:4], ()) if receiver is not None else ():
        values = slow_decode([one.type.canonical for one in function.parameters], data[4:])
        if values is not None:
            pairs = enumerate(zip(function.parameters, values, strict=True))
            document = {f"arg{index}": slow_json(one.type, value) for index, (one, value) in pairs}
            return function.signature, document
    return None, None
