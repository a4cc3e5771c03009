"""What a transaction calls: recipient, input, value, and the logs that follow from the input.

A plain `transfer` or `approve` is followed by the log that it causes, so that calls and events of
one transaction tell the same story; other calls leave their logs to the general mix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chain_assets.sources.devnet.cast import Cast, anyone, token_id
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.logs import erc20_approval, erc20_transfer
from chain_assets.sources.devnet.words import (
    UINT256_MAX,
    Log,
    Tail,
    arguments,
    array,
    array_of_tails,
    blob,
    padded,
    selector_of,
    word,
)

_APPROVE = selector_of("approve(address,uint256)")
_CLAIM = selector_of("claim(uint256,address,uint256,bytes32[])")
_DEPOSIT = selector_of("deposit()")
_EXACT_INPUT_SINGLE = selector_of(
    "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
)
_EXECUTE = selector_of("execute(bytes,bytes[],uint256)")
_MULTICALL = selector_of("multicall(bytes[])")
_SAFE_TRANSFER_FROM = selector_of("safeTransferFrom(address,address,uint256)")
_SET_APPROVAL_FOR_ALL = selector_of("setApprovalForAll(address,bool)")
_SWAP_ETH = selector_of("swapExactETHForTokens(uint256,address[],address,uint256)")
_SWAP_TOKENS = selector_of("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")
_TRANSFER = selector_of("transfer(address,uint256)")
_TRANSFER_FROM = selector_of("transferFrom(address,address,uint256)")
_WITHDRAW = selector_of("withdraw(uint256)")

_DEADLINE = word(2**31)
_MAX_UNKNOWN_WORDS = 60


class Call(NamedTuple):
    """One call. An empty `to` creates a contract; `value` is wei."""

    to: bytes
    data: bytes
    value: int
    logs: tuple[Log, ...] = ()


def draw_call(draws: Draws, cast: Cast, sender: bytes) -> Call:
    """A call with input, of any kind."""
    return draws.pick(_MIX)(draws, cast, sender)


def payment(draws: Draws, cast: Cast) -> Call:
    """Ether from account to account, without input."""
    return Call(anyone(draws, cast), b"", draws.amount(18) // 1000)


def creation(draws: Draws) -> Call:
    """A contract's creation: init code, and no recipient."""
    return Call(b"", b"\x60\x80\x60\x40\x52" + draws.bytes(400 + draws.below(1200)), 0)


def _transfer(draws: Draws, cast: Cast, sender: bytes) -> Call:
    token = draws.favourite(cast.tokens)
    recipient, amount = anyone(draws, cast), draws.amount(token.decimals)
    data = _TRANSFER + padded(recipient) + word(amount)
    return Call(token.address, data, 0, (erc20_transfer(token, sender, recipient, amount),))


def _approve(draws: Draws, cast: Cast, sender: bytes) -> Call:
    token, router = draws.favourite(cast.tokens), draws.favourite(cast.routers).address
    amount = UINT256_MAX if draws.chance(0.5) else draws.amount(token.decimals)
    data = _APPROVE + padded(router) + word(amount)
    return Call(token.address, data, 0, (erc20_approval(token, sender, router, amount),))


def _transfer_from(draws: Draws, cast: Cast, sender: bytes) -> Call:
    token = draws.favourite(cast.tokens)
    owner, amount = anyone(draws, cast), draws.amount(token.decimals)
    data = _TRANSFER_FROM + padded(owner) + padded(sender) + word(amount)
    return Call(token.address, data, 0, (erc20_transfer(token, owner, sender, amount),))


def _swap_tokens(draws: Draws, cast: Cast, sender: bytes) -> Call:
    amounts = word(draws.amount(18)) + word(draws.amount(6))
    data = arguments(amounts, _path(draws, cast), padded(sender), _DEADLINE)
    return Call(cast.routers[2].address, _SWAP_TOKENS + data, 0)


def _swap_eth(draws: Draws, cast: Cast, sender: bytes) -> Call:
    minimum = word(draws.amount(6))
    data = arguments(minimum, _path(draws, cast), padded(sender), _DEADLINE)
    return Call(cast.routers[2].address, _SWAP_ETH + data, draws.amount(18) // 1000)


def _path(draws: Draws, cast: Cast) -> Tail:
    return array([padded(draws.favourite(cast.tokens).address) for _ in range(2 + draws.below(2))])


def _exact_input_single(draws: Draws, cast: Cast, sender: bytes) -> Call:
    return Call(cast.routers[1].address, _single_swap(draws, cast, sender), 0)


def _single_swap(draws: Draws, cast: Cast, recipient: bytes) -> bytes:
    pair = draws.favourite(cast.tokens).address, draws.favourite(cast.tokens).address
    amounts = word(draws.amount(18)) + word(draws.amount(6)) + word(0)
    swap = padded(pair[0]) + padded(pair[1]) + word(3000) + padded(recipient) + amounts
    return _EXACT_INPUT_SINGLE + swap


def _multicall(draws: Draws, cast: Cast, sender: bytes) -> Call:
    calls = [blob(_single_swap(draws, cast, sender)) for _ in range(1 + draws.below(3))]
    return Call(cast.routers[1].address, _MULTICALL + arguments(array_of_tails(calls)), 0)


def _execute(draws: Draws, cast: Cast, sender: bytes) -> Call:
    commands = bytes(draws.pick((0, 8, 10, 11, 12)) for _ in range(1 + draws.below(4)))
    inputs = [
        blob(b"".join([word(draws.bits(90)) for _ in range(3 + draws.below(6))])) for _ in commands
    ]
    data = arguments(blob(commands), array_of_tails(inputs), _DEADLINE)
    return Call(cast.routers[0].address, _EXECUTE + data, draws.amount(18) // 1000)


def _deposit(draws: Draws, cast: Cast, sender: bytes) -> Call:
    return Call(cast.weth.address, _DEPOSIT, draws.amount(18) // 1000)


def _withdraw(draws: Draws, cast: Cast, sender: bytes) -> Call:
    return Call(cast.weth.address, _WITHDRAW + word(draws.amount(18)), 0)


def _set_approval_for_all(draws: Draws, cast: Cast, sender: bytes) -> Call:
    data = _SET_APPROVAL_FOR_ALL + padded(cast.services[0].address) + word(1)
    return Call(draws.favourite(cast.collections).address, data, 0)


def _safe_transfer_from(draws: Draws, cast: Cast, sender: bytes) -> Call:
    data = padded(sender) + padded(anyone(draws, cast)) + word(token_id(draws))
    return Call(draws.favourite(cast.collections).address, _SAFE_TRANSFER_FROM + data, 0)


def _claim(draws: Draws, cast: Cast, sender: bytes) -> Call:
    proof = array([draws.bytes(32) for _ in range(8 + draws.below(10))])
    index, amount = word(draws.below(100_000)), word(draws.amount(18))
    data = arguments(index, padded(sender), amount, proof)
    return Call(draws.favourite(cast.pools), _CLAIM + data, 0)


def _unknown(draws: Draws, cast: Cast, sender: bytes) -> Call:
    # Short inputs are common, long ones rare, and some are not whole words.
    words = int(draws.fraction() * draws.fraction() * _MAX_UNKNOWN_WORDS)
    data = draws.favourite(cast.unknown_selectors) + draws.bytes(words * 32)
    rest = draws.bytes(draws.below(32)) if draws.chance(0.2) else b""
    return Call(draws.favourite(cast.pools), data + rest, 0)


_PER_CENT: tuple[tuple[int, Callable[[Draws, Cast, bytes], Call]], ...] = (
    (26, _transfer),
    (8, _approve),
    (3, _transfer_from),
    (4, _swap_tokens),
    (4, _swap_eth),
    (4, _exact_input_single),
    (4, _multicall),
    (11, _execute),
    (2, _deposit),
    (2, _withdraw),
    (1, _set_approval_for_all),
    (2, _safe_transfer_from),
    (2, _claim),
    (27, _unknown),
)
_MIX = tuple(maker for weight, maker in _PER_CENT for _ in range(weight))
