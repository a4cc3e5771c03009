"""The JSON-RPC methods of a devnet's node: requests in, answers out, no HTTP.

Methods, answers and errors are those of a geth node (Ethereum JSON-RPC specification, EIP-1474).
A block that is not there is a result `null`, not an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chain_assets.sources.devnet.blocks import BuiltBlock
from chain_assets.sources.devnet.node import Node
from chain_assets.sources.devnet.render import Json, block_json

_CLIENT = "chain-assets-devnet/1.0"
_MAX_BATCH = 1_000

_INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS, _SERVER_ERROR = -32600, -32601, -32602, -32000


class RpcError(Exception):
    """An error that is answered to the caller."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class RpcMethods:
    """Answers requests from `node`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        spec = node.devnet.spec
        self._methods: dict[str, Callable[[list[Any]], Any]] = {
            "web3_clientVersion": lambda _: _CLIENT,
            "net_version": lambda _: str(spec.chain_id),
            "eth_chainId": lambda _: hex(spec.chain_id),
            "eth_blockNumber": lambda _: hex(node.head),
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getTransactionReceipt": lambda params: node.receipt(_hash(params, 0)),
            "eth_getTransactionByHash": lambda params: node.transaction(_hash(params, 0)),
        }

    def answer(self, body: object) -> Json | list[Json]:
        """The answer to a parsed request body: one request, or a batch of them."""
        if not isinstance(body, list):
            return self._answer_one(body)
        if not body:
            return error_answer(None, _INVALID_REQUEST, "empty batch")
        if len(body) > _MAX_BATCH:
            return error_answer(None, _INVALID_REQUEST, "batch too large")
        return [self._answer_one(request) for request in body]

    def block_of(self, request: object) -> int | None:
        """The number of the block that `request` is about, where it is about one."""
        params = request.get("params") if isinstance(request, dict) else None
        if not isinstance(params, list) or not params:
            return None
        try:
            return self._number_or_block(params[0])[0]
        except RpcError:
            return None

    def _answer_one(self, request: object) -> Json:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return error_answer(None, _INVALID_REQUEST, "invalid request")
        name, params = request["method"], request.get("params", [])
        try:
            method = self._methods.get(name)
            if method is None:
                raise _no_method(name)
            if not isinstance(params, list):
                raise RpcError(_INVALID_PARAMS, "non-array args")
            result = method(params)
        except RpcError as error:
            return error_answer(request.get("id"), error.code, error.message)
        return {"jsonrpc": "2.0", "id": request.get("id"), "result": result}

    def _block_by_number(self, params: list[Any]) -> Json | None:
        full = _flag(params, 1)
        block = self._node.block(self._number(_argument(params, 0)))
        return None if block is None else block_json(block, full=full)

    def _block_by_hash(self, params: list[Any]) -> Json | None:
        full = _flag(params, 1)
        block = self._node.block_by_hash(_hash(params, 0))
        return None if block is None else block_json(block, full=full)

    def _block_receipts(self, params: list[Any]) -> list[Json] | None:
        number, block = self._number_or_block(_argument(params, 0))
        if self._node.devnet.dice.strikes("no_receipts_method", number):
            raise _no_method("eth_getBlockReceipts")
        if block is None and number is not None:
            block = self._node.block(number)
        return None if block is None else self._node.receipts(block)

    def _number_or_block(self, selector: object) -> tuple[int | None, BuiltBlock | None]:
        """EIP-1898: a number or tag, a plain hash, or an object that holds one of them."""
        if isinstance(selector, dict):
            selector = selector.get("blockHash", selector.get("blockNumber"))
        if isinstance(selector, str) and len(selector) == 66:
            block = self._node.devnet.block_by_hash(_hash([selector], 0))
            if block is None or block.header.number > self._node.head:
                return None, None
            return block.header.number, block
        return self._number(selector), None

    def _number(self, selector: object) -> int:
        node = self._node
        if selector in ("latest", "pending"):
            return node.head
        if selector == "earliest":
            return node.devnet.spec.first_block
        if selector in ("finalized", "safe"):
            if node.finalized is None:
                raise RpcError(_SERVER_ERROR, f"{selector} block not found")
            return node.finalized
        return _quantity(selector)


def error_answer(request_id: object, code: int, message: str) -> Json:
    """A JSON-RPC error object."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def _no_method(name: str) -> RpcError:
    return RpcError(_NO_METHOD, f"the method {name} does not exist/is not available")


def _argument(params: list[Any], place: int) -> Any:
    if len(params) <= place:
        raise RpcError(_INVALID_PARAMS, f"missing value for required argument {place}")
    return params[place]


def _flag(params: list[Any], place: int) -> bool:
    value = _argument(params, place)
    if not isinstance(value, bool):
        raise RpcError(_INVALID_PARAMS, f"invalid argument {place}: not a boolean")
    return value


def _hash(params: list[Any], place: int) -> bytes:
    value = _argument(params, place)
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 66:
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise RpcError(_INVALID_PARAMS, f"invalid argument {place}: not a 32-byte hash")


def _quantity(value: object) -> int:
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return int(value, 16)
    except ValueError:
        pass
    raise RpcError(_INVALID_PARAMS, "invalid argument 0: not a block number, tag or hash")
