"""Raw block JSON to typed Arrow tables. (Temporary seam.)"""

from __future__ import annotations

from chain_assets.core.block_tables import BlockTables, RawPayload
from chain_assets.core.json_strict import decode_strict as decode_blocks

__all__ = ["BlockTables", "RawPayload", "decode_blocks"]
