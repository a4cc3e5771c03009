"""The names of what a chain may require of a block; core/enrich/requirements.py says what they
mean. By themselves, because chains.toml is read where Arrow need not be loaded."""

from __future__ import annotations

from typing import Literal

Requirement = Literal["native_price", "token_metadata", "labels"]
