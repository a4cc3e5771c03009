"""Tools that are missing are noticed: a skip on a person's machine, a failure in CI."""

from __future__ import annotations

import pytest

from chain_assets_tests.tools import main, missing_tool


def test_a_missing_tool_skips_on_a_persons_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="hammer is missing: buy one"):
        missing_tool("hammer", "buy one")


def test_a_missing_tool_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="hammer is missing: buy one"):
        missing_tool("hammer", "buy one")


def test_an_unknown_tool_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hammer"]) == 2
    assert "usage" in capsys.readouterr().err
