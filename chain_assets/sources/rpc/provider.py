"""One provider's blocks, each with its receipts, from one and the same node.

Providers differ in what they offer. What one was found not to offer is remembered, so that it is
asked in vain once and not once a block:

    receipts    eth_getBlockReceipts by hash → by number → eth_getTransactionReceipt for each
    batches     as many calls in one request as it takes

Receipts are asked by the block's hash first: by number, a reorg between the two calls would give
those of another block.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar, cast

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    MalformedAnswer,
    SourceError,
    SourceUnavailable,
)
from chain_assets.sources.protocol import (
    Header,
    Json,
    RawBlock,
    header_of,
    parse_quantity,
    raw_block,
)
from chain_assets.sources.rpc.concurrency import BatchSize
from chain_assets.sources.rpc.refusals import BatchRefused, CallRefused
from chain_assets.sources.rpc.wire import Call, Wire

Item = TypeVar("Item")
Result = TypeVar("Result")
ReceiptsForm = Literal["by hash", "by number", "one by one"]

# Seconds. A process may follow a chain for weeks, and a URL be given to another node meanwhile: the
# blocks of another chain would look like a reorg of all that is stored.
_CHAIN_TRUSTED, _CHAIN_TRUSTED_IN_DOUBT = 60.0, 5.0
_NEXT_FORM: dict[ReceiptsForm, ReceiptsForm] = {"by hash": "by number", "by number": "one by one"}


class Provider:
    """One node. Every method raises SourceError and contacts the node once or a few times; only
    what a node is found not to offer is asked again, in another form."""

    def __init__(
        self,
        wire: Wire,
        *,
        chain: str,
        chain_id: int,
        batch_size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = wire.name
        self._wire, self._chain, self._chain_id = wire, chain, chain_id
        self._batch_size = BatchSize(batch_size)
        self._receipts_form: ReceiptsForm = "by hash"
        self._clock = clock
        self._chain_checked_at, self._chain_trusted = float("-inf"), _CHAIN_TRUSTED
        self._chain_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Provider({self.name})"

    def close(self) -> None:
        """Close the idle connections."""
        self._wire.close()

    def header(self, tag: str) -> Header | None:
        """The block at `tag` (`latest`, `finalized`, or a number in hex), None for `null`."""
        self._check_chain()
        header = self._named(lambda: self._header(tag))
        if header is not None and tag.startswith("0x") and header.number != int(tag, 16):
            raise self._wire.verdicts.malformed(f"answered block {header.number} for {tag}")
        return header

    def _header(self, tag: str) -> Header | None:
        block = self._wire.call(Call("eth_getBlockByNumber", (tag, False)))
        return None if block is None else header_of(block, chain=self._chain)

    def blocks(self, numbers: Sequence[int]) -> list[RawBlock]:
        """The first of `numbers`, as many as this node gave in one go, at least one.

        A bad answer to a later one is not an error yet: it is asked for again, as the first.
        """
        self._check_chain()
        calls = [Call("eth_getBlockByNumber", (hex(number), True)) for number in numbers]
        blocks = _until_first_bad(self._checked, zip(numbers, self._ask(calls), strict=False))
        receipts = self._receipts(blocks)
        return _until_first_bad(self._packed, zip(blocks, receipts, strict=False))

    def not_found(self, tag: int | str) -> BlockNotFound:
        """The error for a block that this node answers with `null`."""
        what = f"{self.name} has no block {tag} (not there yet, or pruned)"
        return BlockNotFound(what, chain=self._chain, block=tag if isinstance(tag, int) else None)

    def _check_chain(self) -> None:
        if self._clock() - self._chain_checked_at < self._chain_trusted:
            return
        with self._chain_lock:
            chain_id = self._named(self._served_chain_id)
            if chain_id != self._chain_id:
                raise ConfigError(
                    f"{self.name} serves chain id {chain_id}, not {self._chain_id}",
                    chain=self._chain,
                    todo="Correct the chain's RPC URLs or its chain id",
                )
            self._chain_checked_at, self._chain_trusted = self._clock(), _CHAIN_TRUSTED

    def doubt_chain(self) -> None:
        """It was away: what answers next may be another node."""
        self._chain_trusted = _CHAIN_TRUSTED_IN_DOUBT

    def _served_chain_id(self) -> int:
        answer = self._wire.call(Call("eth_chainId"))
        return parse_quantity(answer, field="eth_chainId", chain=self._chain)

    def _named(self, parse: Callable[[], Result]) -> Result:
        """What `parse` gives; its MalformedAnswer, which may quote the URL, names the node."""
        try:
            return parse()
        except MalformedAnswer as error:
            named = self._wire.verdicts.malformed(error.what, block=error.block)
        raise named

    def _checked(self, answer: tuple[int, Any]) -> Json:
        number, block = answer
        if block is None:
            raise self.not_found(number)
        header = self._named(lambda: header_of(block, chain=self._chain))
        if header.number != number:
            what = f"answered block {header.number} for block {number}"
            raise self._wire.verdicts.malformed(what, block=number)
        return cast(Json, block)

    def _packed(self, answer: tuple[Json, Any]) -> RawBlock:
        block, receipts = answer
        if receipts is None:
            what = "no receipts for a block that it just gave (reorganized away, or not ready)"
            raise self._wire.verdicts.malformed(what, block=int(block["number"], 16))
        return self._named(lambda: raw_block(block, receipts, chain=self._chain, source=self.name))

    def _receipts(self, blocks: Sequence[Json]) -> list[Any]:
        """The receipts of the first of `blocks`, of at least one."""
        form = self._receipts_form
        try:
            if form == "one by one":
                return _until_first_bad(self._receipts_one_by_one, blocks)
            key = "hash" if form == "by hash" else "number"
            return self._ask([Call("eth_getBlockReceipts", (block[key],)) for block in blocks])
        except CallRefused:
            if form not in _NEXT_FORM:
                raise
            if self._receipts_form == form:  # another thread may have found it out already
                self._receipts_form = _NEXT_FORM[form]
        return self._receipts(blocks)

    def _receipts_one_by_one(self, block: Json) -> list[Any]:
        transactions = block.get("transactions")
        hashes = [
            transaction.get("hash") if isinstance(transaction, dict) else None
            for transaction in (transactions if isinstance(transactions, list) else [])
        ]
        calls = [Call("eth_getTransactionReceipt", (hash_,)) for hash_ in hashes]
        receipts: list[Any] = []
        while len(receipts) < len(calls):
            receipts += self._ask(calls[len(receipts) :])
        return receipts

    def _ask(self, calls: Sequence[Call]) -> list[Any]:
        """The results of the first of `calls`, at least one; raises only the first one's error."""
        results: list[Any] = []
        while len(results) < len(calls):
            answers = self._exchange(calls[len(results) :][: self._batch_size.now])
            for answer in answers:
                if not isinstance(answer, SourceError):
                    results.append(answer)
                elif results:
                    return results
                else:
                    raise answer
        return results

    def _exchange(self, calls: Sequence[Call]) -> list[Any]:
        """One request: results and errors. Empty where its size was refused: ask for fewer."""
        size = len(calls)
        try:
            answers = [self._wire.call(calls[0])] if size == 1 else self._wire.batch(calls)
        except SourceError as error:
            answers = [error]
        first = answers[0]
        if size > 1 and isinstance(first, BatchRefused):
            self._batch_size.refused(size)
            return []
        if isinstance(first, SourceUnavailable | MalformedAnswer):
            # Some nodes break down over a large batch (500, a cut-off answer) and do not refuse it.
            self._batch_size.failed(size)
        elif not isinstance(first, SourceError):
            self._batch_size.worked(size)
        return answers


def _until_first_bad(parse: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`parse` of each item, up to the first SourceError, which is raised only for the first."""
    results: list[Result] = []
    for item in items:
        try:
            results.append(parse(item))
        except SourceError:
            if not results:
                raise
            break
    return results
