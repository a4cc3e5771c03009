"""What the JSON kernel takes, what it leaves to the strict reader, and what both refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chain_assets_tests.core.json_readers import Json
from chain_assets_tests.core.sample_block import hex_bytes, sample_document


def _block(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["block"].update(fields)


def _transaction(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["block"]["transactions"][1].update(fields)


def _receipt(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["receipts"][1].update(fields)


def _log(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["receipts"][1]["logs"][1].update(fields)


def _authorizations(*entries: Json) -> Callable[[Json], None]:
    whole = {"chainId": "0x1", "address": hex_bytes(9, 20), "nonce": "0x0", "r": "0x1", "s": "0x2"}
    return _transaction(authorizationList=[whole | entry for entry in entries])


def _ticket(amount: int) -> Json:
    """What Arbitrum's types add, all at once; four of the amounts may have any size."""
    large = ("maxRefund", "depositValue", "retryValue", "maxSubmissionFee")
    ids = {"requestId": hex_bytes(11), "ticketId": hex_bytes(12), "retryData": "0x" + "ab" * 40}
    people = ("refundTo", "retryTo", "beneficiary")
    return {
        **dict.fromkeys(large, hex(amount)),
        **dict.fromkeys(("submissionFeeRefund", "l1BaseFee"), hex(min(amount, 10**38 - 1))),
        **{name: hex_bytes(20 + place, 20) for place, name in enumerate(people)},
        **ids,
    }


def _shuffled(document: Json) -> None:
    for target in (
        document["block"],
        document["receipts"][0],
        document["block"]["transactions"][1],
    ):
        items = sorted(target.items(), reverse=True)
        target.clear()
        target.update(items)


# Changes of a sample document.
TAKEN = [
    pytest.param(lambda d: None, id="a whole block"),
    pytest.param(_shuffled, id="keys in another order"),
    pytest.param(lambda d: d.update(receipts=None), id="no receipts"),
    pytest.param(lambda d: d.pop("receipts"), id="receipts not named"),
    pytest.param(_block(withdrawals=None), id="no withdrawals known"),
    pytest.param(_block(withdrawals=[]), id="no withdrawals made"),
    pytest.param(_block(uncles=[hex_bytes(1), hex_bytes(2)]), id="uncles"),
    pytest.param(_block(uncles=None), id="uncles null"),
    pytest.param(_block(totalDifficulty=hex(10**38 - 1)), id="the largest amount"),
    pytest.param(_block(gasUsed=hex(2**63 - 1)), id="the largest quantity"),
    pytest.param(_block(timestamp=hex(253_402_300_799)), id="the last second of 9999"),
    pytest.param(_block(extraData="0x" + "ab" * 5000), id="long data"),
    pytest.param(_block(extraData="0x" + "Ab" * 31), id="data of just under a vector"),
    pytest.param(_block(extraData="0x" + "AB" * 32), id="data of a vector"),
    pytest.param(_transaction(r=hex(2**256 - 1), s="0x0"), id="the largest word and the smallest"),
    pytest.param(_transaction(gas="0x00000000005208"), id="leading zeros"),
    pytest.param(_transaction(blobVersionedHashes=[hex_bytes(3)]), id="blob hashes"),
    pytest.param(_transaction(accessList=[]), id="an empty access list"),
    pytest.param(_transaction(accessList=None), id="an access list of null"),
    pytest.param(_block(difficulty=hex(2**128 - 2)), id="a difficulty beyond 38 digits"),
    pytest.param(
        _transaction(accessList=[{"storageKeys": [], "address": hex_bytes(1, 20)}] * 3),
        id="access list without keys",
    ),
    pytest.param(
        _authorizations({"yParity": "0x1"}, {"v": "0x0", "nonce": hex(2**64 - 1)}),
        id="authorizations by yParity and by v",
    ),
    pytest.param(lambda d: d["block"]["transactions"][0].pop("type"), id="no type"),
    pytest.param(
        _transaction(isSystemTx=True, mint="0x5", sourceHash=hex_bytes(8)), id="a deposit"
    ),
    pytest.param(_transaction(**_ticket(2**256 - 1)), id="an Arbitrum ticket"),
    pytest.param(
        _transaction(**_ticket(0) | {"retryTo": None}), id="an Arbitrum ticket of nothing"
    ),
    pytest.param(_receipt(l1FeeScalar="0.684 " * 20, l1Fee="0x9", status=None), id="OP Stack"),
    pytest.param(_log(topics=[hex_bytes(i) for i in range(4)]), id="four topics"),
    pytest.param(_log(topics=[]), id="no topics"),
    pytest.param(_log(removed=None, blockHash=["a", 1, -5, None, True, False]), id="left out"),
    pytest.param(_log(kind="x" * 300, other=[]), id="unknown keys"),
    pytest.param(_transaction(**{"": 1, "n" * 60: None}), id="unknown keys, short and long"),
]


# One more than the largest that is taken.
TOO_LARGE = [
    pytest.param(_block(baseFeePerGas=hex(10**38)), id="an amount of 10^38"),
    pytest.param(_block(baseFeePerGas=hex(10**38 + 2**64)), id="an amount beyond 10^38"),
    pytest.param(_block(baseFeePerGas=hex(2**128)), id="an amount of 33 digits"),
    pytest.param(_block(gasUsed=hex(2**63)), id="a quantity of 2^63"),
    pytest.param(_block(gasUsed=hex(2**64)), id="a quantity of 17 digits"),
    pytest.param(_block(timestamp=hex(253_402_300_800)), id="the first second of 10000"),
    pytest.param(_transaction(r=hex(2**256)), id="a word of 65 digits"),
    pytest.param(_authorizations({"yParity": "0x1", "nonce": hex(2**64)}), id="a nonce of 2^64"),
    pytest.param(_transaction(maxRefund=hex(2**256)), id="a refund of 65 digits"),
    pytest.param(_transaction(value=hex(2**256)), id="a value of 65 digits"),
    pytest.param(_transaction(l1BaseFee=hex(10**38)), id="a base fee of layer 1 of 10^38"),
    pytest.param(_log(topics=[hex_bytes(1)] * 5), id="five topics"),
]


def _written(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def rewrite(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new, 1)

    return rewrite


# Changes of its text: still JSON of a block.
LEFT = [
    pytest.param(_written(b'{"block"', b' {"block"'), id="white space before"),
    pytest.param(lambda text: text + b"\n", id="white space behind"),
    pytest.param(_written(b'"gas":', b'"gas" :'), id="white space within"),
    pytest.param(_written(b'"gas":', b'"\\u0067as":'), id="an escape in a known key"),
    pytest.param(_written(b'"topics":', b'"note":"\\n","topics":'), id="an escape in a value"),
    pytest.param(_written(b'"topics":', '"é":1,"topics":'.encode()), id="a key beyond ASCII"),
    pytest.param(_written(b'"topics":', b'"note":{"a":1},"topics":'), id="an unknown object"),
    pytest.param(_written(b'"topics":', b'"note":[[1]],"topics":'), id="an unknown list of lists"),
    pytest.param(_written(b'"topics":', b'"note":1.5,"topics":'), id="a fraction"),
    pytest.param(_written(b'"topics":', b'"note":1e5,"topics":'), id="an exponent"),
    pytest.param(_written(b'"topics":', b'"note":%d,"topics":' % 10**18), id="a large number"),
    pytest.param(_written(b'{"block"', b'{"jsonrpc":"2.0","block"'), id="a key beside the block"),
    pytest.param(_written(b'"gas":"0x5208"', b'"gas":"0x%s5208"' % (b"0" * 13)), id="17 digits"),
]
# No JSON of a block any more, or with a key twice.
REFUSED = [
    pytest.param(_written(b'"gas":', b'"gas":"0x1","gas":'), id="a key twice"),
    pytest.param(_written(b'"topics":', b'"n":1,"n":2,"topics":'), id="an unknown key twice"),
    pytest.param(_written(b'"receipts":', b'"receipts":null,"receipts":'), id="receipts twice"),
    pytest.param(_written(b'"topics":', b'"n":{"a":1,"a":1},"topics":'), id="twice, nested"),
    pytest.param(_written(b'"topics":', b'"n":01,"topics":'), id="a leading zero"),
    pytest.param(_written(b'"gas":"0x5208"', b'"gas":05208'), id="a quantity from zero on"),
    pytest.param(_written(b'"gas":"0x5208"', b'"gas":5208.0'), id="a quantity and a fraction"),
    pytest.param(_written(b'"gas":"0x5208"', b'"gas":-5208'), id="a quantity below zero"),
    pytest.param(_written(b'"topics":', b'"n":-,"topics":'), id="a lone minus"),
    pytest.param(_written(b'"topics":', b'"n":nul,"topics":'), id="half a null"),
    pytest.param(_written(b'"topics":', b'"n":[1,],"topics":'), id="a comma too many"),
    pytest.param(_written(b'"topics":', b'"n":"\x1f","topics":'), id="a control character"),
    pytest.param(_written(b'"topics":', b'"n":"\xff","topics":'), id="not UTF-8"),
    pytest.param(_written(b'"topics":', b'"n":"\x00","topics":'), id="a zero byte"),
    pytest.param(_written(b'"topics":', b'"\x00":"","topics":'), id="a zero byte in a key"),
    pytest.param(lambda text: text + b"}", id="a brace too many"),
    pytest.param(lambda text: text + b"\x00", id="a zero byte behind"),
    pytest.param(lambda text: text + text, id="two documents"),
    pytest.param(lambda text: b"", id="nothing"),
    pytest.param(lambda text: b"\x00" * 5000, id="only zeros"),
    pytest.param(lambda text: b"[" * 100_000, id="a hundred thousand brackets"),
]


def rich_document(number: int) -> Json:
    """A sample block with a value of every sort."""
    document = sample_document(number)
    for change in (
        _block(uncles=[hex_bytes(1), hex_bytes(2)], extraData="0x" + "ab" * 40),
        _transaction(blobVersionedHashes=[hex_bytes(3)], isSystemTx=False, r=hex(2**255)),
        _authorizations({"yParity": "0x1"}, {"v": "0x0"}),
        lambda document: document["block"]["transactions"][0].update(_ticket(10**38)),
        _receipt(l1FeeScalar="0.684", l1Fee=hex(10**30), contractAddress=None),
        _log(removed=True, kind=[1, -20, "text", None], other=None),
    ):
        change(document)
    return document
