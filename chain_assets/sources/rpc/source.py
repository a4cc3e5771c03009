"""`RpcSource`: the BlockSource that stands on one or more real nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import inf
from random import random as system_random

from chain_assets.core.errors import BlockNotFound, ConfigError, SourceError
from chain_assets.sources.protocol import Header, RawBlock
from chain_assets.sources.rpc.endpoint import parse_endpoint, scrub_logs
from chain_assets.sources.rpc.failover import Failover, Timing
from chain_assets.sources.rpc.prefetch import in_order
from chain_assets.sources.rpc.provider import Provider
from chain_assets.sources.rpc.refusals import CallRefused
from chain_assets.sources.rpc.wire import Wire

_CHUNKS_AHEAD = 2  # beyond one for each thread, so that none waits while the consumer takes one


class RpcSource:
    """Blocks of one chain over JSON-RPC.

    `urls` hold secrets and are shown nowhere: providers are named `host#index`. The first is
    preferred, the others stand in for it. `finality_depth` None asks the node for its `finalized`
    tag; a number takes the block that many below the head. `batch_size` calls go into a request
    and `max_concurrency` requests to a provider at most; both adapt downwards. A failed request
    is tried `attempts` times with each provider, but not for longer than what is left of
    `most_seconds`, which are for all questions together. Raises ConfigError for a URL that is none.

    Nothing is sent before the first question. `close` closes idle connections; the source stays
    usable.
    """

    def __init__(
        self,
        chain: str,
        chain_id: int,
        urls: Sequence[str],
        *,
        finality_depth: int | None = None,
        batch_size: int = 10,
        max_concurrency: int = 8,
        timeout_seconds: float = 30.0,
        attempts: int = 5,
        most_seconds: float = inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = system_random,
    ) -> None:
        if not urls:
            raise ConfigError(
                "no RPC URL", chain=chain, todo="Set the environment variable that holds them"
            )
        if min(batch_size, max_concurrency, attempts, timeout_seconds) <= 0:
            raise ConfigError("batch size, concurrency, attempts or timeout is 0", chain=chain)
        self.chain = chain
        self._finality_depth = finality_depth
        self._batch_size, self._max_concurrency = batch_size, max_concurrency
        # The last question is begun in time, and its answer is waited for.
        timeout_seconds = min(timeout_seconds, most_seconds / 4)
        endpoints = [parse_endpoint(url, index, chain=chain) for index, url in enumerate(urls)]
        for endpoint in endpoints:
            scrub_logs(endpoint)
        self._providers = [
            Provider(
                Wire(endpoint, chain=chain, timeout_seconds=timeout_seconds),
                chain=chain,
                chain_id=chain_id,
                batch_size=batch_size,
                clock=clock,
            )
            for endpoint in endpoints
        ]
        self._failover = Failover(
            self._providers,
            max_concurrency=max_concurrency,
            attempts=attempts,
            timing=Timing(clock=clock, sleep=sleep, random=random),
            most_seconds=most_seconds,
        )

    def __repr__(self) -> str:
        names = ", ".join(provider.name for provider in self._providers)
        return f"RpcSource({self.chain}: {names})"

    def close(self) -> None:
        """Close idle connections."""
        for provider in self._providers:
            provider.close()

    def head(self) -> Header:
        """The newest block. Raises SourceError."""
        return self._header("latest")

    def finalized(self) -> Header | None:
        """The newest block that cannot be reorganized away, or None where there is none yet."""
        if self._finality_depth is not None:
            number = self.head().number - self._finality_depth
            return self.header(number) if number >= 0 else None
        try:
            return self._failover.run(lambda provider: provider.header("finalized"))
        except BlockNotFound:  # how geth says `null`: "finalized block not found"
            return None
        except CallRefused as error:
            raise ConfigError(
                f"the node does not know the tag `finalized` ({error.what})",
                chain=self.chain,
                todo="Give the chain a finality depth",
            ) from error

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises BlockNotFound."""
        return self._header(hex(number))

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`, in the order asked. Raises BlockNotFound at its place.

        Fetches ahead on threads, at most `max_concurrency` + 2 chunks of `batch_size` blocks.
        """
        size = self._batch_size
        chunks = (numbers[start : start + size] for start in range(0, len(numbers), size))
        # Threads and window are for `batch_size` blocks each; a short list needs fewer.
        threads = min(self._max_concurrency, -(-len(numbers) // size) or 1)
        fetched = in_order(self._fetch, chunks, threads=threads, window=threads + _CHUNKS_AHEAD)
        with closing(fetched):
            for blocks, error in fetched:
                yield from blocks
                if error is not None:
                    raise error

    def _fetch(
        self, numbers: Sequence[int], is_called_off: Callable[[], bool]
    ) -> tuple[list[RawBlock], SourceError | ConfigError | None]:
        """The blocks up to the first that fails, and its error: those before it are good."""
        blocks: list[RawBlock] = []
        while len(blocks) < len(numbers):

            def work(
                provider: Provider, rest: Sequence[int] = numbers[len(blocks) :]
            ) -> list[RawBlock]:
                return provider.blocks(rest)

            try:
                blocks += self._failover.run(work, is_called_off=is_called_off)
            except (SourceError, ConfigError) as error:
                return blocks, error
        return blocks, None

    def _header(self, tag: str) -> Header:
        def work(provider: Provider) -> Header:
            header = provider.header(tag)
            if header is None:
                raise provider.not_found(int(tag, 16) if tag.startswith("0x") else tag)
            return header

        return self._failover.run(work)
