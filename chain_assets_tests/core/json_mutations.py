"""Blocks' JSON, damaged in every way that a seed can think of, or only written otherwise.

Text is damaged as text (bits, cuts, spans) and as JSON (keys, values, order), so that both what no
reader may take and what every reader must take alike come out.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import orjson

Json = dict[str, Any]
Damage = Callable[[Random, bytes], bytes]

_STRUCTURE = b'"{}[],:0x\\ \n\t\0zgG-.eE\x7f\x80\xff'
_SNIPPETS = (
    *(b'"', b"{", b"}", b"[]", b"{}", b"null", b"true", b"fals", b",", b":", b'\\"', b"\\u0041"),
    *(b"0x", b'"0x"', b"0", b"-1", b"1.5", b"1e999", b" ", b"\n", b"[" * 300, b"{}," * 50),
    *(b"\xc3\xa9", b"\xc3", b"\0", b'"a":1,', b'"a":"b",', b"]" * 9, b"}" * 9, b"0" * 70),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**63, 2**64 - 1, 1.5, -0.0, 1e300, "", "0x", "0X1", "x", "é"),
    *("0x1", "0x01", "0xg", "0x-1", "0x" + "0" * 16 + "1", "0x" + "0" * 70 + "1", " 0x1", "0x1 "),
    *(hex(2**63 - 1), hex(2**63), hex(2**64 - 1), hex(10**38 - 1), hex(10**38), hex(2**128)),
    *(hex(2**256 - 1), hex(2**256), hex(253_402_300_799), hex(253_402_300_800)),
    *("0x" + "aB" * 8, "0x" + "ab" * 20, "0x" + "Ab" * 32, "0x" + "0" * 512, "0x" + "0" * 63),
    *("0x" + "ab" * 31 + "a ", 'a"b', "a\\b", "tab\t", "plain text of more than one vector " * 3),
    *([], {}, [[]], [None], ["0x" + "ab" * 32], ["0x" + "ab" * 32] * 5, [{}], {"a": {"b": [1]}}),
    *([{"address": "0x" + "ab" * 20, "storageKeys": []}], [1, "a", None, True, -5]),
)
_NAMES = ("new", "gas", "hash", "type", "é", 'q"', "", "a" * 62, "a" * 63, "v", "yParity", "logs")


def mutate(random: Random, text: bytes) -> bytes:
    """`text` (a whole document) after one to three changes; some of them leave it as good."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        text = random.choice(_DAMAGES)(random, text)
    return text


def _flip_a_bit(random: Random, text: bytes) -> bytes:
    at = _place(random, text)
    return (
        text[:at] + bytes([text[at] ^ 1 << random.randrange(8)]) + text[at + 1 :] if text else text
    )


def _set_a_byte(random: Random, text: bytes) -> bytes:
    at = _place(random, text)
    return text[:at] + bytes([random.choice(_STRUCTURE)]) + text[at + 1 :]


def _change_a_quote(random: Random, text: bytes) -> bytes:
    places = [at for at, byte in enumerate(text) if byte == ord('"')]
    if not places:
        return text
    at = random.choice(places)
    return text[:at] + bytes([random.choice(_STRUCTURE)]) + text[at + 1 :]


def _cut(random: Random, text: bytes) -> bytes:
    at = _place(random, text)
    return text[:at] if random.random() < 0.7 else text[at:]


def _drop_a_span(random: Random, text: bytes) -> bytes:
    at = _place(random, text)
    return text[:at] + text[at + random.randrange(1, 100) :]


def _double_a_span(random: Random, text: bytes) -> bytes:
    at, size = _place(random, text), random.randrange(1, 200)
    return text[: at + size] + text[at:]


def _swap_spans(random: Random, text: bytes) -> bytes:
    a, b = sorted((_place(random, text), _place(random, text)))
    size = random.randrange(1, 40)
    if a + size > b:
        return text
    return (
        text[:a] + text[b : b + size] + text[a + size : b] + text[a : a + size] + text[b + size :]
    )


def _insert(random: Random, text: bytes) -> bytes:
    at = _place(random, text)
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _insert_at_a_value(random: Random, text: bytes) -> bytes:
    places = [i for i, byte in enumerate(text) if byte in b":,[{"]
    if not places:
        return text
    at = random.choice(places) + 1
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _place(random: Random, text: bytes) -> int:
    return random.randrange(len(text)) if text else 0


def _of_tree(change: Callable[[Random, Json], None]) -> Damage:
    def damage(random: Random, text: bytes) -> bytes:
        try:
            document = orjson.loads(text)
            change(random, random.choice(list(_objects(document))))
            return orjson.dumps(document)
        except (ValueError, TypeError, IndexError):
            return text

    return damage


def _objects(value: Any) -> list[Json]:
    own = [value] if isinstance(value, dict) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return own + [found for one in inner for found in _objects(one)]


def _drop_a_key(random: Random, target: Json) -> None:
    del target[random.choice(list(target))]


def _set_a_value(random: Random, target: Json) -> None:
    target[random.choice(list(target))] = random.choice(_VALUES)


def _move_a_value(random: Random, target: Json) -> None:
    target[random.choice(list(target))] = target[random.choice(list(target))]


def _add_a_key(random: Random, target: Json) -> None:
    target[random.choice(_NAMES)] = random.choice(_VALUES)


def _shuffle_keys(random: Random, target: Json) -> None:
    items = list(target.items())
    random.shuffle(items)
    target.clear()
    target.update(items)


def _double_an_item(random: Random, target: Json) -> None:
    lists = [value for value in target.values() if isinstance(value, list) and value]
    chosen = random.choice(lists)
    chosen.insert(random.randrange(len(chosen) + 1), random.choice(chosen))


def _drop_an_item(random: Random, target: Json) -> None:
    lists = [value for value in target.values() if isinstance(value, list) and value]
    chosen = random.choice(lists)
    del chosen[random.randrange(len(chosen))]


def _change_case(random: Random, target: Json) -> None:
    key = random.choice([key for key, value in target.items() if isinstance(value, str)])
    target[key] = "0x" + target[key][2:].upper()


def _double_a_key(random: Random, text: bytes) -> bytes:
    """One object with the same key twice, which no tree can say."""
    try:
        document = orjson.loads(text)
        target = random.choice(list(_objects(document)))
        key = random.choice(list(target))
        target["@"] = random.choice((target[key], random.choice(_VALUES)))
        if random.random() < 0.5:
            _shuffle_keys(random, target)
        return orjson.dumps(document).replace(b'"@"', orjson.dumps(key), 1)
    except (ValueError, TypeError, IndexError):
        return text


_TREE_CHANGES = (
    *(_drop_a_key, _set_a_value, _set_a_value, _move_a_value, _add_a_key, _add_a_key),
    *(_shuffle_keys, _double_an_item, _drop_an_item, _change_case),
)
_DAMAGES: tuple[Damage, ...] = (
    *(
        _flip_a_bit,
        _flip_a_bit,
        _set_a_byte,
        _change_a_quote,
        _cut,
        _drop_a_span,
        _double_a_span,
        _swap_spans,
    ),
    *(_insert, _insert_at_a_value, _double_a_key, _double_a_key),
    *(_of_tree(change) for change in _TREE_CHANGES),
)
