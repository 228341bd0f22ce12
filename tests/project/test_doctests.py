"""The examples in docstrings are right."""

import doctest
import importlib

import pytest

from support.source_tree import FILES

EXAMPLES = sorted(name for name, path in FILES.items() if ">>> " in path.read_text())


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
