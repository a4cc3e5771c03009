"""A table of a TOML file, read key by key, with errors that name file, chain and key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from chain_assets.core.errors import ConfigError

T = TypeVar("T")


class TomlTable:
    """A TOML table whose keys are taken one by one; what is left over at the end is unknown."""

    def __init__(self, values: dict[str, Any], *, file: str, chain: str, prefix: str = "") -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self._file, self._chain, self._prefix = file, chain, prefix

    def error(self, key: str, what: str, *, todo: str | None = None) -> ConfigError:
        return ConfigError(
            f"{self._file}: key '{self._prefix}{key}' {what}", chain=self._chain, todo=todo
        )

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        self._known.append(key)
        if key not in self._left:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = self._left.pop(key)
        # bool is an int and an int is a fine float; all else must be what it is.
        if kind is float and type(value) is int:
            return kind(value)  # type: ignore[call-arg]
        if type(value) is not kind:
            raise self.error(key, f"must be {kind.__name__}, not {shown(value)}")
        return value

    def whole(
        self, key: str, default: int | None = None, *, least: int = 0, most: int | None = None
    ) -> int:
        value = self.take(key, int, default)
        if value < least:
            raise self.error(key, f"must be at least {least}, not {value}")
        if most is not None and value > most:
            raise self.error(key, f"must be at most {most}, not {value}")
        return value

    def positive(self, key: str, default: int | None = None) -> int:
        return self.whole(key, default, least=1)

    def choice(self, key: str, choices: tuple[Any, ...]) -> Any:
        value = self.take(key, str)
        if value not in choices:
            raise self.error(key, f"is {shown(value)}", todo=f"Use one of: {', '.join(choices)}")
        return value

    def maybe(self, key: str, read: Callable[[Any], T]) -> T | None:
        self._known.append(key)
        return read(self._left.pop(key)) if key in self._left else None

    def table(self, key: str, values: Any) -> TomlTable:
        if not isinstance(values, dict):
            raise self.error(key, f"must be a table, not {shown(values)}")
        return TomlTable(values, file=self._file, chain=self._chain, prefix=f"{self._prefix}{key}.")

    def finish(self) -> None:
        if self._left:
            todo = f"Known: {', '.join(self._known)}"
            raise self.error(min(self._left), "is unknown", todo=todo)


def shown(value: Any) -> str:
    """The value for an error. A URL carries a key, in whatever place a person wrote it."""
    text = repr(value)
    return "a URL" if "://" in text else text
