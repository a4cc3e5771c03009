"""Compile the kernels before the first block comes, by decoding one of everything."""

from __future__ import annotations

import pyarrow as pa

from chain_assets.core.abi.calls import decode_call_columns, decode_calls
from chain_assets.core.abi.events import decode_event_columns, decode_events
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.abi.routes import default_route
from chain_assets.core.token_transfers import decode_token_transfers

_TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
_MULTICALL = bytes.fromhex("ac9650d8")  # of `multicall(bytes[])`, for the walk of dynamic types
_WORD = bytes(32)
_EMPTY_LIST = (32).to_bytes(32, "big") + _WORD


def warm_up() -> None:
    """Compile every kernel, or load it from numba's cache on disk; nothing where numba is missing.

    Takes some seconds the first time on a machine and for a version, and a fraction of one after.
    """
    if default_route() == "plain":
        return
    registry = standard_registry()
    topics = {"topic0": _TRANSFER, "topic1": _WORD, "topic2": _WORD, "topic3": None}
    columns = {name: pa.array([value], pa.binary()) for name, value in topics.items()}
    logs = pa.table({**columns, "data": [_WORD]})
    calls = pa.table({"input": [_MULTICALL + _EMPTY_LIST], "to_address": [bytes(20)]})
    decode_events(logs, registry)
    decode_event_columns(logs, registry)
    decode_token_transfers(logs)
    decode_calls(calls, registry)
    decode_call_columns(calls, registry)
