"""What is final by the node: believed only where the node's own head does not speak against it."""

from __future__ import annotations

import logging

from chain_assets.chains import Chain
from chain_assets.core.errors import BlockNotFound
from chain_assets.core.head_plan import Heights
from chain_assets.sources.protocol import BlockSource, Header

_log = logging.getLogger(__name__)


def read_heights(chain: Chain, source: BlockSource) -> tuple[Header, Heights]:
    """The source's head and what is final. Raises SourceError."""
    head, finalized = source.head(), finalized_block(chain, source)
    return head, Heights(head.number, finalized.number if finalized else None)


def finalized_block(chain: Chain, source: BlockSource) -> Header | None:
    """The newest final block; None where there is none yet, or the node's answer is absurd.

    What was final once stays so, and each reorg below it halts the chain: one answer of a million
    too many would do so for ever. It is not cut to the head either, whose blocks are replaced every
    day; the next true answer is soon there. Nor does a node that lacks just this one block keep all
    others waiting: less counts as final until it answers. Raises SourceError.
    """
    try:
        finalized = source.finalized()
    except BlockNotFound as error:
        _log.warning("%s: what is final is not known: %s", chain.name, error)
        return None
    if finalized is None:
        return None
    # Asked for after it: the chain may grow between two answers.
    head = source.head()
    if finalized.number > head.number:
        _log.warning(
            "%s: the node says that block %s is final, above its head, %s: it is not believed",
            chain.name,
            f"{finalized.number:,}",
            f"{head.number:,}",
        )
        return None
    return finalized
