"""Frozen text features: right for any number of strings, and encoded once."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.text import embedding
from gapjax.text.encoders import hashed

STRINGS = [f"a person moves hand number {i} {'up ' * (i % 5)}" for i in range(70)]


@pytest.mark.parametrize("count", [1, 64, 70])
def test_the_features_are_the_encoders(count: int) -> None:
    text = hashed.load("")
    found = embedding.encode(STRINGS[:count], text, None)
    tokens = text.tokenize(STRINGS[:count])
    expected = text.module.apply({"params": text.params}, jnp.asarray(tokens))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_strings_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = hashed.load("")
    first = embedding.encode(STRINGS[:3], text, tmp_path)
    monkeypatch.setattr(embedding, "_compute", None)
    np.testing.assert_array_equal(embedding.encode(STRINGS[:3], text, tmp_path), first)


def test_other_strings_and_other_weights_are_other_features(tmp_path: Path) -> None:
    for seed in (0, 1):
        for strings in (STRINGS[:3], STRINGS[1:4]):
            embedding.encode(strings, hashed.load("", seed=seed), tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 4
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}


def test_others_may_read_the_features(tmp_path: Path) -> None:
    """A folder of data may be shared by several users."""
    embedding.encode(STRINGS[:3], hashed.load(""), tmp_path)
    (file,) = tmp_path.iterdir()
    (tmp_path / "plain").touch()
    assert file.stat().st_mode == (tmp_path / "plain").stat().st_mode
