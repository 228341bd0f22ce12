"""A stand-in for the package `wandb`, which remembers what it was told."""

import sys
import types
from typing import Any

import pytest


class Error(Exception):
    """The base of W&B's errors."""


class FakeRun:
    """A run on W&B, offline."""

    offline, dir = True, "wandb/offline/files"

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.ended: list[int] = []

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self, exit_code: int) -> None:
        self.ended.append(exit_code)


class FakeWandb(types.ModuleType):
    """The module, in the place of the real one until the end of a test.

    Attributes:
        runs: the arguments of each `init`, and the run that it returned.
        error: what `init` raises, if anything.
    """

    Error, Settings = Error, dict

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("wandb")
        self.runs: list[tuple[dict[str, Any], FakeRun]] = []
        self.error: Exception | None = None
        monkeypatch.setitem(sys.modules, "wandb", self)

    def init(self, **arguments: Any) -> FakeRun:
        if self.error:
            raise self.error
        self.runs.append((arguments, FakeRun()))
        return self.runs[-1][1]
