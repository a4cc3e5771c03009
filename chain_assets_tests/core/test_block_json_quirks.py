"""decode_blocks: what some nodes write otherwise than the specification says, and means one thing.

Each of these has been answered by a node of a public chain; the id says by which. The kernel takes
quantities that are JSON numbers, and leaves the others to the strict reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.json_readers import compact, differences, tables_of, taken_of
from chain_assets_tests.core.sample_block import (
    CHAIN,
    Json,
    decode,
    hex_bytes,
    sample_document,
)

Change = Callable[[Json], None]


def transaction(**fields: Any) -> Change:
    return lambda document: document["block"]["transactions"][1].update(fields)


def receipt(**fields: Any) -> Change:
    return lambda document: document["receipts"][1].update(fields)


def log(**fields: Any) -> Change:
    return lambda document: document["receipts"][1]["logs"][0].update(fields)


def changed(change: Change) -> Json:
    document = sample_document(6)
    change(document)
    return document


def with_keys(keys: list[str] | None) -> Change:
    return transaction(accessList=[{"address": hex_bytes(5, 20), "storageKeys": keys}])


QUIRKS = [
    pytest.param(
        transaction(type=None), transaction(type="0x0"), id="type null: Hedera's relay, legacy"
    ),
    pytest.param(
        transaction(v="0x", r="0x", s="0x"),
        transaction(v="0x0", r="0x0", s="0x0"),
        id="no digits are zero: Filecoin",
    ),
    pytest.param(receipt(status=1), receipt(status="0x1"), id="a number: Parity 1.8, Erigon 2021"),
    pytest.param(
        receipt(status=0, gasUsed=21_000, cumulativeGasUsed=2**40, effectiveGasPrice=9),
        receipt(status="0x0", gasUsed="0x5208", cumulativeGasUsed=hex(2**40)),
        id="numbers: Harmony",
    ),
    pytest.param(
        log(logIndex=1, transactionIndex=1),
        log(logIndex="0x1", transactionIndex="0x1"),
        id="numbers in a log: Hedera's relay",
    ),
    pytest.param(receipt(root="0x"), receipt(root=None), id="root of no bytes: Bor, Harmony"),
    pytest.param(with_keys(None), with_keys([]), id="storageKeys null: Erigon 2021"),
]


@pytest.mark.parametrize(("quirk", "plain"), QUIRKS)
def test_what_nodes_write_otherwise_is_read_as_what_it_means(quirk: Change, plain: Change) -> None:
    odd = [compact(sample_document(5)), compact(changed(quirk)), compact(sample_document(7))]
    documents = [sample_document(5), changed(plain), sample_document(7)]
    assert taken_of(odd)[::2] == [True, True]
    wanted = tables_of(decode_strict([compact(d) for d in documents], chain=CHAIN))
    for tables in (decode(documents[0], changed(quirk), documents[2]), strict(odd)):
        assert not tables.refused
        for own, other in zip(tables_of(tables), wanted, strict=True):
            assert own.equals(other)
    assert not differences(odd)


def test_the_kernel_takes_numbers_for_quantities_and_for_nothing_else() -> None:
    of_receipt = {"status": 0, "gasUsed": 21_000, "cumulativeGasUsed": 10**18 - 1}
    taken = [changed(receipt(**of_receipt)), changed(log(logIndex=1))]
    left = [receipt(effectiveGasPrice=9), transaction(r=7), receipt(gasUsed=10**18)]
    payloads = [compact(document) for document in [*taken, *map(changed, left)]]
    assert taken_of(payloads) == [True, True, False, False, False]
    assert not differences(payloads)


def strict(payloads: list[Any]) -> BlockTables:
    return decode_strict(payloads, chain=CHAIN)


def test_input_given_twice_as_nethermind_does_is_not_unknown() -> None:
    document = changed(transaction(data="0xa9059cbb"))
    assert taken_of([compact(document)]) == [True]
    for tables in (decode(document), strict([compact(document)])):
        assert not tables.unknown_fields


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(transaction(gas=-1), "gas is -1", id="a negative number"),
        pytest.param(transaction(gas=21_000.0), "gas is 21000.0", id="a fraction"),
        pytest.param(transaction(gas=True), "gas is True", id="true"),
        pytest.param(transaction(gas=2**63), "too large", id="a number beyond its column"),
        pytest.param(transaction(gas="21000"), "gas is '21000'", id="decimal text"),
        pytest.param(transaction(gas=""), "gas is ''", id="empty text"),
        pytest.param(transaction(to="0x"), "to is '0x'", id="an address of no bytes"),
        pytest.param(receipt(root=""), "root is ''", id="a root of empty text"),
        pytest.param(receipt(root="0x1a"), "root is '0x1a'", id="a root of one byte"),
        pytest.param(
            lambda d: d["block"]["transactions"][1].update(
                data=d["block"]["transactions"][1].pop("input")
            ),
            "transaction 1: input is missing",
            id="data and no input",
        ),
    ],
)
def test_what_means_nothing_or_was_answered_by_no_node_is_refused(
    change: Change, words: str
) -> None:
    (error,) = decode(changed(change)).refused
    assert words in str(error)


@pytest.mark.parametrize("number", [7, "0x", "0x7"])
def test_a_block_of_another_number_is_refused_however_that_is_written(number: Any) -> None:
    document = sample_document(6)
    asked = compact(document)
    document["block"]["number"] = number
    (error,) = strict([replace(asked, payload=orjson.dumps(document))]).refused
    assert f"another block, number {number!r}" in str(error)


@pytest.mark.parametrize("number", [6, "0x6", "0x06"])
def test_a_block_of_the_number_asked_for_is_taken_however_that_is_written(number: Any) -> None:
    document = sample_document(6)
    asked = compact(document)
    document["block"]["number"] = number
    tables = strict([replace(asked, payload=orjson.dumps(document))])
    assert tables.blocks["number"].to_pylist() == [6]


def test_numbers_keep_their_value_in_amounts_and_words() -> None:
    document = changed(transaction(value=10**18, r=7))
    row = decode(document).transactions.to_pylist()[1]
    assert (row["value"], row["r"]) == (Decimal(10**18), bytes(31) + b"\x07")
