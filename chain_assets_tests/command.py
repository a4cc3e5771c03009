"""`chain-assets …` in this process, as the installed command runs it: `cli.main()`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_assets import cli

# A person's own settings must not reach a test.
_VARIABLES = ("CHAINS", "ENABLED", "LAKE", "REFERENCE", "ABIS", "ENGINE", "SPARK_MASTER")


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr of a command that failed as it should."""
        return self._line(1)

    @property
    def misuse(self) -> str:
        """The one line on stderr of a command whose options are wrong."""
        return self._line(2)

    def _line(self, code: int) -> str:
        assert self.code == code, f"exit code {self.code}: {self.out}{self.err}"
        (line,) = self.err.splitlines()
        assert "Traceback" not in self.err
        return line


Command = Callable[..., Outcome]


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Gives a function that runs `chain-assets` with its arguments."""
    for name in _VARIABLES:
        monkeypatch.delenv(f"CHAIN_ASSETS_{name}", raising=False)

    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["chain-assets", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run
