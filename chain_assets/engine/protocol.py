"""What an engine does, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Applies one picklable function to many small, picklable tasks.

    Tasks carry paths, never rows: what a task reads and writes goes straight between its worker
    and the object store. A ChainAssetsError of a task is raised here as it was raised there.
    """

    @property
    def name(self) -> str:
        """What logs and metadata call it."""
        ...

    @property
    def parallelism(self) -> int:
        """How many tasks run at a time."""
        ...

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """The results, in the order of the tasks."""
        ...
