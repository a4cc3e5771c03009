"""Logs that carry a standard event's topic0 and do not fit the event.

Each of these shapes exists on mainnet, by age (CryptoKitties), by mistake or on purpose, and each
has broken a decoder that trusted topic0. The emitters are described tokens, so that an odd log
that still is a transfer lacks no metadata.
"""

from __future__ import annotations

from chain_assets.sources.devnet.cast import Cast, anyone
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.words import Log, padded, topic_of, word

_TRANSFER = topic_of("Transfer(address,address,uint256)")
_TRANSFER_BATCH = topic_of("TransferBatch(address,address,address,uint256[],uint256[])")
_TRANSFER_SINGLE = topic_of("TransferSingle(address,address,address,uint256,uint256)")


def odd_log(draws: Draws, cast: Cast) -> Log:
    """One log out of shape."""
    token = cast.airdrop.address
    items = draws.pick(cast.multi_collections).address
    sender, recipient = padded(anyone(draws, cast)), padded(anyone(draws, cast))
    value = word(draws.amount(18))
    batch = (_TRANSFER_BATCH, sender, sender, recipient)
    shapes = (
        # Nothing indexed: topic0 alone, all arguments in the data.
        Log(token, (_TRANSFER,), sender + recipient + value),
        # Truncated: the value is missing, or half of it.
        Log(token, (_TRANSFER, sender, recipient), b""),
        Log(token, (_TRANSFER, sender, recipient), value[:16]),
        # Bytes behind the last argument.
        Log(token, (_TRANSFER, sender, recipient), value + word(7)),
        # An address whose upper twelve bytes are not zero.
        Log(token, (_TRANSFER, draws.bytes(32), recipient), value),
        # A single transfer without its value.
        Log(items, (_TRANSFER_SINGLE, sender, sender, recipient), word(1)),
        # An offset of 2^40: a decoder that trusts it reads, or allocates, a terabyte.
        Log(items, batch, word(64) + word(2**40) + word(1)),
        # A length of 2^40 at an honest offset.
        Log(items, batch, word(64) + word(96) + word(2**40) + word(0)),
    )
    return draws.pick(shapes)
