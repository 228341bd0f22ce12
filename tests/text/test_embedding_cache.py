"""Frozen embeddings: those of the encoder, cached, and read without weights."""

import dataclasses
import json
import os
from pathlib import Path
from unittest.mock import Mock

import jax.numpy as jnp
import numpy as np
import pytest

from gapjax import registry
from gapjax.text import embedding_cache
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions
from support.small_text_models import BERT_CONFIG, save_bert, word_tokenizer

STRINGS = [f"a person moves hand number {i} {'up ' * (i % 5)}" for i in range(70)]


@pytest.mark.parametrize("count", [1, 64, 70])
def test_the_embeddings_are_the_encoders(count: int) -> None:
    text = TextEmbedder(TextOptions())
    loaded = text.load()
    embeddings = text.embed(STRINGS[:count])
    tokens = loaded.tokenize(STRINGS[:count])
    expected = loaded.module.apply({"params": loaded.params}, jnp.asarray(tokens))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)
    assert embeddings.dtype == np.float32


def test_the_cache_needs_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = TextOptions("bert", save_bert(tmp_path / "model"))
    first = TextEmbedder(options, tmp_path / "cache").embed(["wave hand", "clap"])
    for name in ("_load", "encode"):
        monkeypatch.setattr(embedding_cache, name, Mock(side_effect=AssertionError))
    again = TextEmbedder(options, tmp_path / "cache").embed(["wave hand", "clap"])
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("kept", [0, 100, 300])
def test_a_damaged_file_is_replaced(kept: int, tmp_path: Path) -> None:
    text = TextEmbedder(TextOptions(), tmp_path)
    whole = text.embed(STRINGS[:3])
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:kept])
    np.testing.assert_array_equal(text.embed(STRINGS[:3]), whole)
    np.testing.assert_array_equal(np.load(path), whole)


def test_an_encoder_is_loaded_once_a_process(tmp_path: Path) -> None:
    options = TextOptions("bert", save_bert(tmp_path))
    loaded = TextEmbedder(options).load()
    assert TextEmbedder(options, tmp_path).load() is loaded
    (tmp_path / "config.json").write_text(json.dumps(BERT_CONFIG | {"layer_norm_eps": 1e-5}))
    assert TextEmbedder(options).load().module.sizes.epsilon == 1e-5


def test_other_strings_and_other_weights_are_other_embeddings(tmp_path: Path) -> None:
    for seed in (0, 1):
        for strings in (STRINGS[:3], STRINGS[1:4]):
            TextEmbedder(TextOptions(seed=seed), tmp_path).embed(strings)
    assert len(list(tmp_path.glob("*.npy"))) == 4
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}


def test_embeddings_of_other_code_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest, which bundles compare, is that of the weights and options alone."""
    text = TextEmbedder(TextOptions(), tmp_path)
    expected = text.embed(STRINGS[:3])
    (path,) = tmp_path.glob("*.npy")
    np.save(path, expected + 1)
    digest = TextEmbedder(TextOptions()).digest
    np.testing.assert_array_equal(text.embed(STRINGS[:3]), expected + 1)
    registry.code_digest.cache_clear()
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"another algorithm")
    np.testing.assert_array_equal(text.embed(STRINGS[:3]), expected)
    registry.code_digest.cache_clear()
    assert TextEmbedder(TextOptions()).digest == digest


def test_the_digest_depends_on_options_and_contents(tmp_path: Path) -> None:
    options = TextOptions("bert", save_bert(tmp_path))
    changes = ({"pooling": "cls"}, {"too_long": "truncate"}, {"dtype": "bfloat16"})
    digests = [TextEmbedder(options).digest]
    digests += [TextEmbedder(dataclasses.replace(options, **change)).digest for change in changes]
    (tmp_path / "config.json").write_text(json.dumps(BERT_CONFIG | {"layer_norm_eps": 1e-5}))
    digests.append(TextEmbedder(options).digest)
    weights = tmp_path / "model.safetensors"
    content, status = bytearray(weights.read_bytes()), weights.stat()
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    digests.append(TextEmbedder(options).digest)
    word_tokenizer("[PAD]", "[SEP]", "[CLS]").save(str(tmp_path / "tokenizer.json"))
    digests.append(TextEmbedder(options).digest)
    assert len(set(digests)) == 7


def test_the_digest_depends_neither_on_the_folder_nor_on_a_seed_that_draws_nothing(
    tmp_path: Path,
) -> None:
    texts = [
        TextEmbedder(TextOptions("bert", save_bert(tmp_path / str(seed)), seed=seed))
        for seed in range(2)
    ]
    assert texts[0].digest == texts[1].digest


def test_others_may_read_the_embeddings(tmp_path: Path) -> None:
    """A folder of data may be shared by several users."""
    TextEmbedder(TextOptions(), tmp_path).embed(STRINGS[:3])
    (file,) = tmp_path.iterdir()
    (tmp_path / "plain").touch()
    assert file.stat().st_mode == (tmp_path / "plain").stat().st_mode
