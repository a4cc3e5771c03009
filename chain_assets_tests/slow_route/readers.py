"""One JSON-RPC value to one plain Python value, as `pyarrow.Table.to_pylist` gives it back.

JSON `null` and an absent field are both None.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
Row = dict[str, Any]
Reader = Callable[[Any], Any]


def whole(text: str) -> int:
    """A quantity."""
    return int(text, 16)


def amount(text: str) -> Decimal:
    """A quantity of wei or gwei."""
    return Decimal(int(text, 16))


def fitting(text: str) -> Decimal | None:
    """A quantity of any size, where a DECIMAL(38,0) holds it."""
    number = amount(text)
    return number if number < 10**38 else None


def word(text: str) -> bytes:
    """A quantity of 256 bits."""
    return int(text, 16).to_bytes(32, "big")


def unfitting(text: str) -> bytes | None:
    """A quantity of 256 bits, where a DECIMAL(38,0) does not hold it."""
    return word(text) if int(text, 16) >= 10**38 else None


def data(text: str) -> bytes:
    """Bytes of any length."""
    return bytes.fromhex(text.removeprefix("0x"))


def moment(text: str) -> datetime:
    """Unix seconds."""
    return datetime.fromtimestamp(int(text, 16), UTC)


def as_is(value: Any) -> Any:
    """Text or a truth value."""
    return value


def hashes(values: list[str]) -> list[bytes]:
    """A list of hashes."""
    return [data(value) for value in values]


def access_list(entries: list[Json]) -> list[Row]:
    """EIP-2930."""
    return [
        {"address": data(entry["address"]), "storage_keys": hashes(entry["storageKeys"])}
        for entry in entries
    ]


def authorization_list(entries: list[Json]) -> list[Row]:
    """EIP-7702; some nodes write the signature's parity as `v`."""
    return [
        {
            "chain_id": word(entry["chainId"]),
            "address": data(entry["address"]),
            "nonce": amount(entry["nonce"]),
            "y_parity": whole(entry["yParity"] if "yParity" in entry else entry["v"]),
            "r": word(entry["r"]),
            "s": word(entry["s"]),
        }
        for entry in entries
    ]


def read(source: Json, fields: dict[str, tuple[str, Reader]]) -> Row:
    """The columns of `fields` (column → JSON key and reader) out of one JSON object."""
    row: Row = {}
    for column, (key, reader) in fields.items():
        value = source.get(key)
        row[column] = None if value is None else reader(value)
    return row
