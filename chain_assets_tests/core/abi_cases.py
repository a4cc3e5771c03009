"""ABI types, values, encodings and damage to them, all from a seeded generator; and what the
decoders must answer, from eth_abi value by value."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from eth_abi.abi import decode

from chain_assets.core.abi.signatures import Event
from chain_assets.core.abi.types import AbiType, ArrayType, BlobType, TupleType, WordType

WORDS = ["address", "bool", "uint8", "uint24", "uint64", "uint128", "uint256"]
WORDS += ["int8", "int24", "int64", "int128", "int256"]
MORE_WORDS = ["bytes1", "bytes4", "bytes31", "bytes32", "function", "fixed128x18", "ufixed64x3"]
BLOBS = ["bytes", "string"]
STRINGS = ["", "a", "héllo", 'quote " and \\', "line\nbreak\x00\x1f", "x" * 40, "😀" * 9]


def random_type(random: Random, depth: int) -> str:
    """A type text with at most `depth` levels of arrays and tuples."""
    choice = random.random()
    if depth == 0 or choice < 0.5:
        return random.choice(random.choice([WORDS, MORE_WORDS, BLOBS]))
    if choice < 0.75:
        return random_type(random, depth - 1) + random.choice(["[]", "[]", "[1]", "[2]", "[3]"])
    return f"({','.join(random_type(random, depth - 1) for _ in range(random.randint(1, 3)))})"


def random_value(random: Random, one: AbiType) -> Any:
    """A value that eth_abi encodes as `one`, often at the edge of what the type holds."""
    if isinstance(one, ArrayType):
        count = random.choice([0, 1, 2, 3]) if one.size is None else one.size
        return [random_value(random, one.item) for _ in range(count)]
    if isinstance(one, TupleType):
        return tuple(random_value(random, component) for component in one.components)
    if isinstance(one, BlobType):
        length = random.choice([0, 1, 31, 32, 33, 70])
        return random.choice(STRINGS) if one.canonical == "string" else random.randbytes(length)
    return _random_word(random, one)


def _random_word(random: Random, one: WordType) -> Any:
    top = 1 << one.bits
    match one.kind:
        case "bool":
            return random.random() < 0.5
        case "address":
            return f"0x{random.randbytes(20).hex()}"
        case "bytesN":
            return random.randbytes(one.bits // 8)
        case "uint":
            return random.choice([0, 1, top - 1, random.randrange(top)])
        case "int":
            return random.choice([0, -1, top // 2 - 1, -top // 2, random.randrange(top) - top // 2])
        case "ufixed":
            return Decimal(random.randrange(1 << 60)).scaleb(-one.places)
        case "fixed":
            return Decimal(random.randrange(1 << 60) - (1 << 59)).scaleb(-one.places)


def damaged(random: Random, data: bytes) -> bytes:
    """`data` as it is, or with up to two of the faults that a hostile sender would choose."""
    for _ in range(random.choice([0, 1, 1, 2])):
        if not data:
            return random.randbytes(random.choice([0, 5, 32, 64]))
        data = _damaged_once(random, bytearray(data))
    return data


def _damaged_once(random: Random, data: bytearray) -> bytes:
    word = random.randrange(max(1, len(data) // 32)) * 32
    end = len(data)
    hostile = [2**256 - 1, 1 << 40, (1 << 40) - 32, 1 << 63, 1 << 64, end, max(0, end - 32), 0]
    match random.choice(["flip", "cut", "grow", "hostile", "pointer", "pointer", "small", "dirty"]):
        case "flip":
            data[random.randrange(end)] ^= 1 << random.randrange(8)
        case "cut":
            del data[random.randrange(end) :]
        case "grow":
            data += random.randbytes(random.choice([1, 31, 32]))
        case "hostile":
            data[word : word + 32] = random.choice(hostile).to_bytes(32, "big")
        case "pointer":
            data[word : word + 32] = (32 * random.randrange(10)).to_bytes(32, "big")
        case "small":
            data[word : word + 32] = random.randrange(200).to_bytes(32, "big")
        case "dirty":
            data[min(word + random.randrange(32), end - 1)] = random.randrange(256)
    return bytes(data)


def slow_decode(types: Sequence[str], data: bytes) -> tuple[Any, ...] | None:
    """What eth_abi says of one row; None where it refuses, in whatever way it does."""
    try:
        return decode(types, data, strict=True)
    except Exception:  # noqa: BLE001 - hostile lengths make it raise OverflowError and others too
        return None


def slow_json(one: AbiType, value: Any) -> Any:
    """A decoded value as the JSON document that `args` must hold for it."""
    if isinstance(one, ArrayType):
        return [slow_json(one.item, item) for item in value]
    if isinstance(one, TupleType):
        pairs = zip(one.names, one.components, value, strict=True)
        return {
            name or f"arg{index}": slow_json(component, part)
            for index, (name, component, part) in enumerate(pairs)
        }
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, bool | str):
        return value
    # eth_abi drops the zeros at the end of a fixed-point number.
    return f"{value:.{one.places}f}" if isinstance(one, WordType) and one.places else str(value)


def slow_event(event: Event, topics: Sequence[bytes], data: bytes) -> dict[str, Any] | None:
    """The arguments of one log as a JSON document; None where it is not this event."""
    body = slow_decode([one.type.canonical for one in event.body], data)
    if body is None:
        return None
    values, rest = iter(body), iter(topics[1:])
    document = {}
    for index, parameter in enumerate(event.parameters):
        key = parameter.name or f"arg{index}"
        if not parameter.indexed:
            document[key] = slow_json(parameter.type, next(values))
            continue
        topic = next(rest)
        if not isinstance(parameter.type, WordType):
            document[key] = f"0x{topic.hex()}"
            continue
        value = slow_decode([parameter.type.canonical], topic)
        if value is None:
            return None
        document[key] = slow_json(parameter.type, value[0])
    return document


def log_table(logs: Sequence[tuple[Sequence[bytes | None], bytes]]) -> Any:
    """Logs, each as its topics and its data, as the decoders take them."""
    topics = {
        f"topic{index}": pa.array(
            [given[index] if index < len(given) else None for given, _ in logs], pa.binary()
        )
        for index in range(4)
    }
    return pa.table({**topics, "data": pa.array([data for _, data in logs], pa.binary())})


def words(*values: int) -> bytes:
    """32 bytes for each value; a negative one in two's complement."""
    return b"".join((value % (1 << 256)).to_bytes(32, "big") for value in values)


def alias_bomb(levels: int, fan: int) -> bytes:
    """An array of `fan` pointers to one array of `fan` pointers, and so on, `levels` deep."""
    inner = words(fan, *[32 * fan] * fan) * (levels - 1)
    return words(32) + inner + words(fan, *range(fan))
