"""Whether the compiled and the plain route decode to the same tables."""

from __future__ import annotations

from typing import Any, get_args

from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.routes import Route

ROUTES: tuple[Route, ...] = get_args(Route)


def assert_routes_agree(texts: Any, columns: Any, table: Any, registry: Registry) -> None:
    """`texts` and `columns` decode `table`, and parts of it, to the same tables by both routes."""
    for part in (table, table.slice(3, 5), table.slice(table.num_rows)):
        compiled, plain = (texts(part, registry, route=route) for route in ROUTES)
        compiled.validate(full=True)
        assert compiled.equals(plain)
        tables = zip(*(columns(part, registry, route=route) for route in ROUTES), strict=True)
        for one, other in tables:
            one.arguments.validate(full=True)
            assert one.candidate is other.candidate
            assert one.rows.tolist() == other.rows.tolist()
            assert one.arguments.equals(other.arguments)
