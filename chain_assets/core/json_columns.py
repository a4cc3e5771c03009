"""Lists of JSON-RPC values to Arrow arrays, one function a Kind of column.

The rules are those of the execution-apis specification: QUANTITY is `0x` and hex digits, DATA is
`0x` and an even number of hex digits. Beside them stands what nodes of public chains answer and
what can mean one thing only:

    a QUANTITY of no digits, `0x`    zero                    Filecoin
    a QUANTITY as a JSON number      that number             Parity 1.8, Erigon 2021, Harmony
    `storageKeys` null               no keys                 Erigon 2021

A value that breaks its rule, or that does not fit its column without loss, raises BadValue with its
place in the list; nothing is wrapped, cut or guessed.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from chain_assets.core.schemas.columns import ARROW_TYPES, Kind

_QUANTITY = re.compile(r"0x[0-9a-fA-F]*")
_QUANTITIES = re.compile(r"(?:0x[0-9a-fA-F]+\n)*")
_LENGTHS: dict[Kind, int] = {"hash": 32, "address": 20, "bloom": 256, "nonce": 8}
_CUT = reprlib.Repr()
_LONG_LIMIT = 1 << 63
_AMOUNT_LIMIT = 10**38
_WORD_LIMIT = 1 << 256
# The last second of the year 9999: later ones have no date in most engines.
_TIMESTAMP_LIMIT = 253_402_300_800


class BadValue(ValueError):
    """Value `index` of the list is wrong; the message says how."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


def column_from_json(values: Sequence[Any], kind: Kind) -> pa.Array:
    """The JSON values (None is NULL) as an Arrow array of the Kind's type. Raises BadValue."""
    return pa.array(_convert(values, kind), ARROW_TYPES[kind])


def _convert(values: Sequence[Any], kind: Kind) -> list[Any]:
    if kind in _LENGTHS:
        return _all_data(values, _LENGTHS[kind])
    if kind == "data":
        return _all_data(values, None)
    if kind in ("quantity", "amount", "word", "timestamp"):
        return _all_quantities(values, kind)
    return _each(values, _READERS[kind])


def _each(values: Sequence[Any], read: Callable[[Any], Any]) -> list[Any]:
    out = []
    for index, value in enumerate(values):
        try:
            out.append(None if value is None else read(value))
        except ValueError as error:
            raise BadValue(index, str(error)) from None
    return out


def _all_data(values: Sequence[Any], length: int | None) -> list[bytes | None]:
    try:
        out = [None if v is None else bytes.fromhex(v[2:]) for v in values]
    except (ValueError, TypeError, KeyError):
        return _each(values, lambda v: _data(v, length))
    for index, (value, data) in enumerate(zip(values, out, strict=True)):
        # bytes.fromhex skips white space, so the lengths are compared as well.
        if data is not None and (
            type(value) is not str
            or not value.startswith("0x")
            or len(value) != 2 + 2 * len(data)
            or (length is not None and len(data) != length)
        ):
            raise BadValue(index, _data_fault(value, length))
    return out


def _data(value: Any, length: int | None) -> bytes:
    if type(value) is str and value.startswith("0x"):
        try:
            data = bytes.fromhex(value[2:])
        except ValueError:
            raise ValueError(_data_fault(value, length)) from None
        if len(value) == 2 + 2 * len(data) and (length is None or len(data) == length):
            return data
    raise ValueError(_data_fault(value, length))


def _data_fault(value: Any, length: int | None) -> str:
    wanted = "bytes in hex" if length is None else f"{length} bytes in hex"
    return f"is {short(value)}, not {wanted}"


def _all_quantities(values: Sequence[Any], kind: Kind) -> list[Any]:
    limit = {
        "quantity": _LONG_LIMIT,
        "timestamp": _TIMESTAMP_LIMIT,
        "amount": _AMOUNT_LIMIT,
        "word": _WORD_LIMIT,
    }[kind]
    present = [v for v in values if v is not None]
    try:
        # int() takes underscores, signs and spaces; one pass of the regex over all refuses them.
        # The count refuses a value that is two quantities with a line feed between them.
        lines = "\n".join([*present, ""])
        well_formed = _QUANTITIES.fullmatch(lines) is not None and lines.count("\n") == len(present)
    except TypeError:
        well_formed = False
    if not well_formed:
        ints = _each(values, lambda v: _quantity(v, limit))
    else:
        ints = [None if v is None else int(v, 16) for v in values]
        if max((i for i in ints if i is not None), default=0) >= limit:
            ints = _each(values, lambda v: _quantity(v, limit))
    if kind == "word":
        return [None if i is None else i.to_bytes(32, "big") for i in ints]
    if kind == "amount":
        return [None if i is None else Decimal(i) for i in ints]
    if kind == "timestamp":
        return [None if i is None else i * 1_000_000 for i in ints]
    return ints


def read_quantity(value: Any) -> int:
    """One QUANTITY, as the rules above have it. Raises ValueError."""
    if type(value) is int and value >= 0:
        return value
    if type(value) is not str or _QUANTITY.fullmatch(value) is None:
        raise ValueError(f"is {short(value)}, not a quantity in hex")
    return int(value[2:] or "0", 16)


def _quantity(value: Any, limit: int) -> int:
    number = read_quantity(value)
    if number >= limit:
        raise ValueError(f"is {short(value)}, too large for its column")
    return number


def _bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise ValueError(f"is {short(value)}, not true or false")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise ValueError(f"is {short(value)}, not text")


def _hashes(value: Any) -> list[bytes]:
    return [_data(item, 32) for item in _list(value)]


def _access_list(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "address": _data(entry.get("address"), 20),
            "storage_keys": _storage_keys(entry),
        }
        for entry in _objects(value)
    ]


def _storage_keys(entry: dict[str, Any]) -> list[bytes]:
    # A null stands for an empty list; a key that is not there may stand for anything.
    if "storageKeys" not in entry:
        raise ValueError("has an entry without storageKeys")
    return [] if entry["storageKeys"] is None else _hashes(entry["storageKeys"])


def _authorization_list(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "chain_id": _quantity(entry.get("chainId"), _WORD_LIMIT).to_bytes(32, "big"),
            "address": _data(entry.get("address"), 20),
            "nonce": Decimal(_quantity(entry.get("nonce"), 1 << 64)),
            "y_parity": _quantity(_either(entry, "yParity", "v"), _LONG_LIMIT),
            "r": _quantity(entry.get("r"), _WORD_LIMIT).to_bytes(32, "big"),
            "s": _quantity(entry.get("s"), _WORD_LIMIT).to_bytes(32, "big"),
        }
        for entry in _objects(value)
    ]


def _either(entry: dict[str, Any], first: str, second: str) -> Any:
    return entry[first] if first in entry else entry.get(second)


def _list(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    raise ValueError(f"is {short(value)}, not a list")


def _objects(value: Any) -> list[dict[str, Any]]:
    items = _list(value)
    if all(type(item) is dict for item in items):
        return items
    raise ValueError(f"is {short(value)}, not a list of objects")


def short(value: Any) -> str:
    """The value as a reason quotes it: at most 80 characters, however long or nested it is."""
    # repr would go down as deep as the value does, which ends in a RecursionError.
    text = repr(value[:80]) if type(value) is str else _CUT.repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


_READERS: dict[Kind, Callable[[Any], Any]] = {
    "bool": _bool,
    "text": _text,
    "hashes": _hashes,
    "access_list": _access_list,
    "authorization_list": _authorization_list,
}
# The keys that these readers take; others are counted as unknown.
NESTED_KEYS = {
    "transaction.accessList": {"address", "storageKeys"},
    "transaction.authorizationList": {"chainId", "address", "nonce", "yParity", "v", "r", "s"},
}
