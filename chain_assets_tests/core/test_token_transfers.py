"""Token transfers: by standard, by which arguments are indexed, by what they must not be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from eth_abi.abi import encode

from chain_assets.core.abi.columns import BATCH_BYTES
from chain_assets.core.abi.routes import default_route
from chain_assets.core.abi.signatures import event_from_text
from chain_assets.core.token_moves import SCHEMA
from chain_assets.core.token_transfers import decode_token_transfers
from chain_assets_tests.core.abi_cases import damaged, log_table, slow_decode, words
from chain_assets_tests.core.abi_routes import ROUTES

TRANSFER = event_from_text("Transfer(address,address,uint256)").topic0
SINGLE = event_from_text("TransferSingle(address,address,address,uint256,uint256)").topic0
BATCH = event_from_text("TransferBatch(address,address,address,uint256[],uint256[])").topic0
KINDS = {
    TRANSFER: ["address", "address", "uint256"],
    SINGLE: ["address", "address", "address", "uint256", "uint256"],
    BATCH: ["address", "address", "address", "uint256[]", "uint256[]"],
}
USABLE_ROUTES = ROUTES if default_route() == "compiled" else ("plain",)
OPERATOR, ALICE, BOB = (bytes([byte]) * 20 for byte in (0x0B, 0xA1, 0xB0))


def log(kind: bytes, values: Sequence[Any], *, indexed: int) -> tuple[list[bytes], bytes]:
    """A log of `kind` whose first `indexed` arguments are topics."""
    types = KINDS[kind]
    topics = [encode([one], [value]) for one, value in zip(types[:indexed], values, strict=False)]
    return [kind, *topics], encode(types[indexed:], values[indexed:])


def transfers(*logs: tuple[list[bytes], bytes]) -> list[dict[str, Any]]:
    """The rows that each usable route gives."""
    table = by_all_routes(log_table(logs))
    return list(table.to_pylist())


def by_all_routes(logs: Any) -> Any:
    tables = [decode_token_transfers(logs, route=route) for route in USABLE_ROUTES]
    for table in tables:
        table.validate(full=True)
        assert table.schema == SCHEMA
        assert table.equals(tables[0])
    return tables[0]


def row(standard: str, **different: Any) -> dict[str, Any]:
    """A row as it is for a token of number 7 or an amount of 7, with `different` columns."""
    seven, one = (Decimal(7), words(7)), (Decimal(1), words(1))
    token_id, value = {"erc20": ((None, None), seven), "erc721": (seven, one)}.get(
        standard, (seven, one)
    )
    return {
        "row": 0,
        "batch_index": 0,
        "standard": standard,
        "operator": OPERATOR if standard == "erc1155" else None,
        "from_address": ALICE,
        "to_address": BOB,
        "token_id": token_id[0],
        "token_id_raw": token_id[1],
        "value": value[0],
        "value_raw": value[1],
        **different,
    }


@pytest.mark.parametrize(
    ("indexed", "standard"), [(0, "erc20"), (1, "erc20"), (2, "erc20"), (3, "erc721")]
)
def test_a_transfer_is_an_erc721_one_if_its_third_argument_is_a_topic(
    indexed: int, standard: str
) -> None:
    assert transfers(log(TRANSFER, [ALICE, BOB, 7], indexed=indexed)) == [row(standard)]


@pytest.mark.parametrize("indexed", range(4))
def test_erc1155_transfers_are_read_by_any_number_of_leading_topics(indexed: int) -> None:
    single = log(SINGLE, [OPERATOR, ALICE, BOB, 7, 1], indexed=indexed)
    assert transfers(single) == [row("erc1155")]
    batch = log(BATCH, [OPERATOR, ALICE, BOB, [7, 8], [1, 2]], indexed=indexed)
    second = {"token_id": Decimal(8), "token_id_raw": words(8)}
    second |= {"value": Decimal(2), "value_raw": words(2)}
    assert transfers(batch) == [row("erc1155"), row("erc1155", batch_index=1, **second)]


def test_amounts_beyond_a_decimal_keep_all_their_bits() -> None:
    largest = 2**256 - 1
    assert transfers(
        log(TRANSFER, [ALICE, BOB, 10**38 - 1], indexed=2),
        log(TRANSFER, [ALICE, BOB, largest], indexed=2),
        log(TRANSFER, [ALICE, BOB, largest], indexed=3),
    ) == [
        row("erc20", value=Decimal(10**38 - 1), value_raw=words(10**38 - 1)),
        row("erc20", row=1, value=None, value_raw=words(largest)),
        row("erc721", row=2, token_id=None, token_id_raw=words(largest)),
    ]


def test_rows_stand_in_log_order_then_in_batch_order() -> None:
    found = transfers(
        ([bytes(32)], b""),
        log(BATCH, [OPERATOR, ALICE, BOB, [5, 6, 7], [1, 1, 1]], indexed=3),
        log(TRANSFER, [ALICE, BOB, 7], indexed=2),
        ([], b""),
        log(BATCH, [OPERATOR, ALICE, BOB, [], []], indexed=3),
        log(BATCH, [OPERATOR, ALICE, BOB, [9, 8], [1, 1]], indexed=0),
        log(TRANSFER, [ALICE, BOB, 7], indexed=3),
    )
    assert [(one["row"], one["batch_index"], one["token_id"]) for one in found] == [
        (1, 0, 5),
        (1, 1, 6),
        (1, 2, 7),
        (2, 0, None),
        (5, 0, 9),
        (5, 1, 8),
        (6, 0, 7),
    ]


def test_damaged_batches_fare_alike_by_each_route() -> None:
    random = Random(5)
    logs = []
    for _ in range(2_000):
        ids, values = ([random.getrandbits(9)] * random.randint(0, 3) for _ in range(2))
        topics, data = log(BATCH, [OPERATOR, ALICE, BOB, ids, values], indexed=random.randint(0, 3))
        logs.append((topics, damaged(random, data) if random.random() < 0.5 else data))
    found = by_all_routes(log_table(logs))
    assert 200 < len(set(found["row"].to_pylist())) < 1_200


def test_row_numbers_go_on_from_batch_to_batch() -> None:
    big = ([bytes(32)], bytes(BATCH_BYTES))
    one = log(TRANSFER, [ALICE, BOB, 7], indexed=2)
    assert [found["row"] for found in transfers(one, big, one, big, one)] == [0, 2, 4]


DIRTY = b"\x01" + bytes(31)


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        pytest.param([TRANSFER, DIRTY, words(1)], words(7), id="bits before the sender"),
        pytest.param([TRANSFER, words(1)], DIRTY + words(7), id="bits before the receiver"),
        pytest.param([TRANSFER, words(1), words(1)], words(7)[:31], id="short amount"),
        pytest.param([TRANSFER, words(1), words(1)], b"", id="no amount"),
        pytest.param([TRANSFER], words(1, 1), id="an argument missing"),
        pytest.param([TRANSFER, b"\x01", words(1)], words(7), id="a topic of one byte"),
        pytest.param([SINGLE, words(1), words(1), words(1)], words(7), id="no value"),
        pytest.param(
            [BATCH, words(1), words(1), words(1)], words(64, 2**40, 0), id="hostile pointer"
        ),
        pytest.param(
            [BATCH, words(1), words(1), words(1)], words(64, 96, 2**40, 0), id="hostile length"
        ),
        pytest.param(
            [BATCH, words(1), words(1), words(1)],
            encode(["uint256[]", "uint256[]"], [[1, 2], [1]]),
            id="two ids and one value",
        ),
        pytest.param([bytes(32), words(1), words(1)], words(7), id="another event"),
    ],
)
def test_what_is_no_transfer_gives_no_row_and_spares_the_others(
    topics: list[bytes], data: bytes
) -> None:
    good = log(TRANSFER, [ALICE, BOB, 7], indexed=2)
    assert transfers(good, (topics, data), good) == [row("erc20"), row("erc20", row=2)]


def test_bytes_after_the_amount_are_ignored_as_the_encoding_allows() -> None:
    topics, data = log(TRANSFER, [ALICE, BOB, 7], indexed=2)
    assert transfers((topics, data + b"more")) == [row("erc20")]


def test_no_logs_give_no_rows() -> None:
    assert transfers() == []


def slow_transfers(number: int, topics: list[bytes], data: bytes) -> Iterator[tuple[Any, ...]]:
    """(row, batch index, from, to, token id, value) of one log, by eth_abi."""
    types = KINDS.get(topics[0] if topics else b"")
    if types is None:
        return
    indexed = len(topics) - 1
    heads = [slow_decode([one], topic) for one, topic in zip(types, topics[1:], strict=False)]
    body = slow_decode(types[indexed:], data)
    if body is None or None in heads:
        return
    values = [*(head[0] for head in heads if head), *body]
    if topics[0] == TRANSFER:
        token_id, amount = (values[2], 1) if indexed == 3 else (None, values[2])
        yield number, 0, values[0], values[1], token_id, amount
    elif topics[0] == SINGLE:
        yield number, 0, *values[1:]
    elif len(values[3]) == len(values[4]):
        for index, pair in enumerate(zip(values[3], values[4], strict=True)):
            yield number, index, values[1], values[2], *pair


def test_the_transfers_of_real_blocks_are_those_that_eth_abi_finds(real_blocks: Path) -> None:
    logs = [
        ([bytes.fromhex(topic[2:]) for topic in one["topics"]], bytes.fromhex(one["data"][2:]))
        for path in sorted(real_blocks.glob("*/blocks/*.json.gz"))
        for receipt in json.loads(gzip.decompress(path.read_bytes()))["receipts"]
        for one in receipt["logs"]
    ]
    expected = [
        found
        for number, (topics, data) in enumerate(logs)
        for found in slow_transfers(number, topics, data)
    ]
    table = by_all_routes(log_table(logs))

    def integers(name: str) -> list[int | None]:
        return [raw and int.from_bytes(raw, "big") for raw in table[name].to_pylist()]

    def addresses(name: str) -> list[str]:
        return [f"0x{raw.hex()}" for raw in table[name].to_pylist()]

    columns = [
        table["row"].to_pylist(),
        table["batch_index"].to_pylist(),
        addresses("from_address"),
        addresses("to_address"),
        integers("token_id_raw"),
        integers("value_raw"),
    ]
    assert list(zip(*columns, strict=True)) == expected
    assert len(expected) > 10_000
    for name in ("token_id", "value"):
        fits = [None if n is None or n >= 10**38 else Decimal(n) for n in integers(f"{name}_raw")]
        assert table[name].to_pylist() == fits
