"""The logs of one transaction, drawn from mainnet's mix of events.

One function makes one kind of log; `_PER_MILLE` says how often each comes. Kinds that share
topic0 with a standard event and do not fit it (`odd_logs`) are the ones decoders fall over.
"""

from __future__ import annotations

from collections.abc import Callable

from chain_assets.sources.devnet.cast import Cast, Token, anyone, token_id
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.odd_logs import odd_log
from chain_assets.sources.devnet.words import (
    UINT256_MAX,
    Log,
    arguments,
    array,
    padded,
    topic_of,
    word,
)

_APPROVAL = topic_of("Approval(address,address,uint256)")
_APPROVAL_FOR_ALL = topic_of("ApprovalForAll(address,address,bool)")
_ANSWER_UPDATED = topic_of("AnswerUpdated(int256,uint256,uint256)")
_DEPOSIT = topic_of("Deposit(address,uint256)")
_EXECUTION_SUCCESS = topic_of("ExecutionSuccess(bytes32,uint256)")
_MINT = topic_of("Mint(address,uint256,uint256)")
_ORDER_FULFILLED = topic_of(
    "OrderFulfilled(bytes32,address,address,address,(uint8,address,uint256,uint256)[],"
    "(uint8,address,uint256,uint256,address)[])"
)
_SWAP_V2 = topic_of("Swap(address,uint256,uint256,uint256,uint256,address)")
_SWAP_V3 = topic_of("Swap(address,address,int256,int256,uint160,uint128,int24)")
_SYNC = topic_of("Sync(uint112,uint112)")
_TRANSFER = topic_of("Transfer(address,address,uint256)")
_TRANSFER_BATCH = topic_of("TransferBatch(address,address,address,uint256[],uint256[])")
_TRANSFER_SINGLE = topic_of("TransferSingle(address,address,address,uint256,uint256)")
_USER_OPERATION = topic_of(
    "UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)"
)
_WITHDRAWAL = topic_of("Withdrawal(address,uint256)")

_RESERVE_LIMIT = 2**112  # Uniswap V2 keeps its reserves in uint112


def draw_log(draws: Draws, cast: Cast) -> Log:
    """One log of any kind."""
    return draws.pick(_MIX)(draws, cast)


def erc20_transfer(token: Token, sender: bytes, recipient: bytes, value: int) -> Log:
    """Transfer of `value` smallest units (ERC-20)."""
    return Log(token.address, (_TRANSFER, padded(sender), padded(recipient)), word(value))


def erc20_approval(token: Token, owner: bytes, spender: bytes, value: int) -> Log:
    """Approval of `value` smallest units (ERC-20)."""
    return Log(token.address, (_APPROVAL, padded(owner), padded(spender)), word(value))


def _transfer(draws: Draws, cast: Cast) -> Log:
    token = draws.favourite(cast.tokens)
    amount = draws.amount(token.decimals)
    return erc20_transfer(token, anyone(draws, cast), anyone(draws, cast), amount)


def _airdrop(draws: Draws, cast: Cast) -> Log:
    # Worthless tokens are sent around in any amount up to the whole word.
    amount = draws.bits(1 + draws.below(256))
    return erc20_transfer(cast.airdrop, bytes(20), anyone(draws, cast), amount)


def _approval(draws: Draws, cast: Cast) -> Log:
    token = draws.favourite(cast.tokens)
    amount = UINT256_MAX if draws.chance(0.5) else draws.amount(token.decimals)
    router = draws.favourite(cast.routers).address
    return erc20_approval(token, anyone(draws, cast), router, amount)


def _erc721_transfer(draws: Draws, cast: Cast) -> Log:
    parties = padded(anyone(draws, cast)), padded(anyone(draws, cast))
    topics = (_TRANSFER, *parties, word(token_id(draws)))
    return Log(draws.favourite(cast.collections).address, topics, b"")


def _approval_for_all(draws: Draws, cast: Cast) -> Log:
    operator = padded(draws.favourite(cast.routers).address)
    topics = (_APPROVAL_FOR_ALL, padded(anyone(draws, cast)), operator)
    return Log(draws.favourite(cast.collections).address, topics, word(draws.below(2)))


def _erc1155_topics(topic0: bytes, draws: Draws, cast: Cast) -> tuple[bytes, ...]:
    return (topic0, *(padded(anyone(draws, cast)) for _ in range(3)))


def _transfer_single(draws: Draws, cast: Cast) -> Log:
    data = word(token_id(draws)) + word(1 + draws.below(50))
    topics = _erc1155_topics(_TRANSFER_SINGLE, draws, cast)
    return Log(draws.favourite(cast.multi_collections).address, topics, data)


def _transfer_batch(draws: Draws, cast: Cast) -> Log:
    count = draws.below(8)  # an empty batch is legal
    ids = array([word(token_id(draws)) for _ in range(count)])
    values = array([word(1 + draws.below(9)) for _ in range(count)])
    topics = _erc1155_topics(_TRANSFER_BATCH, draws, cast)
    return Log(draws.favourite(cast.multi_collections).address, topics, arguments(ids, values))


def _deposit(draws: Draws, cast: Cast) -> Log:
    router = padded(draws.favourite(cast.routers).address)
    return Log(cast.weth.address, (_DEPOSIT, router), word(draws.amount(18)))


def _withdrawal(draws: Draws, cast: Cast) -> Log:
    router = padded(draws.favourite(cast.routers).address)
    return Log(cast.weth.address, (_WITHDRAWAL, router), word(draws.amount(18)))


def _swap_v2(draws: Draws, cast: Cast) -> Log:
    paid, received = word(draws.amount(18)), word(draws.amount(18))
    zero = word(0)
    data = paid + zero + zero + received if draws.chance(0.5) else zero + paid + received + zero
    router = padded(draws.favourite(cast.routers).address)
    topics = (_SWAP_V2, router, padded(anyone(draws, cast)))
    return Log(draws.favourite(cast.pools), topics, data)


def _sync(draws: Draws, cast: Cast) -> Log:
    reserves = word(draws.bits(90) % _RESERVE_LIMIT) + word(draws.bits(90) % _RESERVE_LIMIT)
    return Log(draws.favourite(cast.pools), (_SYNC,), reserves)


def _mint(draws: Draws, cast: Cast) -> Log:
    router = padded(draws.favourite(cast.routers).address)
    data = word(draws.amount(18)) + word(draws.amount(6))
    return Log(draws.favourite(cast.pools), (_MINT, router), data)


def _swap_v3(draws: Draws, cast: Cast) -> Log:
    amounts = word(draws.amount(18)) + word(-draws.amount(6))
    price, liquidity, tick = draws.bits(140), draws.bits(80), draws.below(600_000) - 300_000
    router = padded(draws.favourite(cast.routers).address)
    topics = (_SWAP_V3, router, padded(anyone(draws, cast)))
    data = amounts + word(price) + word(liquidity) + word(tick)
    return Log(draws.favourite(cast.pools), topics, data)


def _answer_updated(draws: Draws, cast: Cast) -> Log:
    feed = draws.pick(cast.services[3:5]).address
    topics = (_ANSWER_UPDATED, word(draws.amount(8)), word(draws.bits(40)))
    return Log(feed, topics, word(draws.bits(31)))


def _execution_success(draws: Draws, cast: Cast) -> Log:
    return Log(cast.services[2].address, (_EXECUTION_SUCCESS,), draws.bytes(32) + word(0))


def _order_fulfilled(draws: Draws, cast: Cast) -> Log:
    nft = padded(draws.favourite(cast.collections).address)
    offer = array([word(2) + nft + word(token_id(draws)) + word(1)])
    consideration = array(
        [
            word(0) + word(0) + word(0) + word(draws.amount(18)) + padded(anyone(draws, cast))
            for _ in range(1 + draws.below(3))
        ]
    )
    recipient = padded(anyone(draws, cast))
    data = arguments(draws.bytes(32), recipient, offer, consideration)
    topics = (_ORDER_FULFILLED, padded(anyone(draws, cast)), padded(bytes(20)))
    return Log(cast.services[0].address, topics, data)


def _user_operation(draws: Draws, cast: Cast) -> Log:
    parties = padded(anyone(draws, cast)), padded(bytes(20))
    data = word(draws.bits(64)) + word(1) + word(draws.bits(50)) + word(draws.bits(22))
    topics = (_USER_OPERATION, draws.bytes(32), *parties)
    return Log(cast.services[1].address, topics, data)


def _unknown(draws: Draws, cast: Cast) -> Log:
    indexed = [padded(anyone(draws, cast)) for _ in range(draws.below(4))]
    data = b"".join([word(draws.bits(60)) for _ in range(draws.below(12))])
    topics = (draws.favourite(cast.unknown_topics), *indexed)
    return Log(draws.favourite(cast.pools), topics, data)


def _without_topics(draws: Draws, cast: Cast) -> Log:
    return Log(draws.favourite(cast.pools), (), draws.bytes(draws.below(200)))


_PER_MILLE: tuple[tuple[int, Callable[[Draws, Cast], Log]], ...] = (
    (582, _transfer),
    (8, _airdrop),
    (105, _approval),
    (34, _erc721_transfer),
    (5, _approval_for_all),
    (14, _transfer_single),
    (5, _transfer_batch),
    (35, _deposit),
    (30, _withdrawal),
    (30, _swap_v2),
    (25, _sync),
    (5, _mint),
    (45, _swap_v3),
    (5, _answer_updated),
    (5, _execution_success),
    (4, _order_fulfilled),
    (8, _user_operation),
    (51, _unknown),
    (2, _without_topics),
    (2, odd_log),
)
_MIX = tuple(maker for weight, maker in _PER_MILLE for _ in range(weight))
