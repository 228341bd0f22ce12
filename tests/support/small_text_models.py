"""Small text models on disk, as transformers saves them, and what the tests of encoders share."""

import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from gapjax.text.encoder import LoadedText, TextOptions, encoder_module

Tensors = dict[str, np.ndarray]

WORDS = ("drink", "water", "put", "on", "a", "shoe", "wave", "hand", "clap", "sit", "down", "stand")
STRINGS = ["drink water", "put on a shoe", "wave hand", "sit down", "clap", ""]
END = 22
_SIZES = {
    "vocab_size": 23,
    "max_position_embeddings": 9,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
}
CLIP_CONFIG = {
    "model_type": "clip_text_model",
    **_SIZES,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": END,
}
BERT_CONFIG = {
    "model_type": "bert",
    **_SIZES,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}

MPNET_CONFIG = {
    "model_type": "mpnet",
    **_SIZES,
    "max_position_embeddings": 12,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "relative_attention_num_buckets": 8,
    # Not the first token: positions are counted from the one after it.
    "pad_token_id": 2,
}


def _random(shapes: dict[str, tuple[int, ...]]) -> Tensors:
    """Return random tensors; the scales of normalizations lie around one."""
    rng = np.random.default_rng(0)
    center = {name: float("norm" in name.lower() and name.endswith("weight")) for name in shapes}
    return {n: rng.normal(center[n], 0.4, shape).astype(np.float32) for n, shape in shapes.items()}


def _layer(config: dict[str, Any], names: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a transformer layer's tensors; `names` gives every kind's own."""
    width, hidden = config["hidden_size"], config["intermediate_size"]
    shapes = {}
    for kind, name in names.items():
        out, into = {"fc1": (hidden, width), "fc2": (width, hidden)}.get(kind, (width, width))
        shapes[f"{name}.weight"] = (width,) if kind.startswith("norm") else (out, into)
        shapes[f"{name}.bias"] = (out,)
    return shapes


def clip_tensors(config: dict[str, Any], projection: int | None = None) -> Tensors:
    """Return the tensors of a CLIPTextModel."""
    width = config["hidden_size"]
    shapes = {
        "embeddings.token_embedding.weight": (config["vocab_size"], width),
        "embeddings.position_embedding.weight": (config["max_position_embeddings"], width),
        "final_layer_norm.weight": (width,),
        "final_layer_norm.bias": (width,),
    }
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layers.{i}"
        names = {k: f"{at}.self_attn.{k}_proj" for k in ("q", "k", "v", "out")}
        names |= {f"norm{j}": f"{at}.layer_norm{j}" for j in (1, 2)}
        names |= {k: f"{at}.mlp.{k}" for k in ("fc1", "fc2")}
        shapes |= _layer(config, names)
    if projection:
        shapes["text_projection.weight"] = (projection, width)
    return _random(shapes)


def bert_tensors(config: dict[str, Any]) -> Tensors:
    """Return the tensors of a BertModel."""
    width = config["hidden_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
    }
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        names = {k: f"{at}.attention.self.{k}" for k in ("query", "key", "value")}
        names |= {"out": f"{at}.attention.output.dense"}
        names |= {"norm1": f"{at}.attention.output.LayerNorm", "norm2": f"{at}.output.LayerNorm"}
        names |= {"fc1": f"{at}.intermediate.dense", "fc2": f"{at}.output.dense"}
        shapes |= _layer(config, names)
    return _random(shapes)


def mpnet_tensors(config: dict[str, Any]) -> Tensors:
    """Return the tensors of an MPNetModel."""
    buckets, heads = config["relative_attention_num_buckets"], config["num_attention_heads"]
    names = {
        name.replace("self.query", "attn.q")
        .replace("self.key", "attn.k")
        .replace("self.value", "attn.v")
        .replace("attention.output.dense", "attention.attn.o")
        .replace("attention.output.LayerNorm", "attention.LayerNorm"): tensor.shape
        for name, tensor in bert_tensors({**config, "type_vocab_size": 1}).items()
        if "token_type" not in name
    }
    return _random({**names, "encoder.relative_attention_bias.weight": (buckets, heads)})


def word_tokenizer(pad: str, start: str, end: str) -> Tokenizer:
    """Return a tokenizer of whole words: `pad` is 0, `start` is 1, `end` is the largest token."""
    words = {word: i for i, word in enumerate((pad, start, "[UNK]", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel({**words, end: END}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 1), (end, END)]
    )
    # Some published files have such settings; they must not matter.
    tokenizer.enable_padding(length=8, pad_id=0, pad_token=pad)
    tokenizer.enable_truncation(4)
    return tokenizer


CLIP_TOKENIZER = word_tokenizer("!", "<start>", "<end>")
BERT_TOKENIZER = word_tokenizer("[PAD]", "[CLS]", "[SEP]")


def save_tokenizer(folder: pathlib.Path, tokenizer: Tokenizer) -> None:
    """Write a tokenizer that transformers reads as it is, whatever the model."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def save(
    folder: pathlib.Path, config: dict[str, Any], tensors: Tensors, tokenizer: Tokenizer
) -> str:
    """Write a model's files, and return the folder as text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    save_tokenizer(folder, tokenizer)
    return str(folder)


def save_clip(folder: pathlib.Path, *, projection: int | None = None, **config: Any) -> str:
    """Write a small CLIP text model."""
    config = CLIP_CONFIG | config
    return save(folder, config, clip_tensors(config, projection), CLIP_TOKENIZER)


def save_bert(folder: pathlib.Path, **config: Any) -> str:
    """Write a small BERT."""
    config = BERT_CONFIG | config
    return save(folder, config, bert_tensors(config), BERT_TOKENIZER)


def save_mpnet(folder: pathlib.Path, **config: Any) -> str:
    """Write a small MPNet."""
    config = MPNET_CONFIG | config
    return save(folder, config, mpnet_tensors(config), BERT_TOKENIZER)


def load(encoder: str, checkpoint: str = "", **options: Any) -> LoadedText:
    """Return a text encoder with its weights."""
    return encoder_module(encoder).load(TextOptions(encoder, checkpoint, **options))


def encode(loaded: LoadedText, tokens: Any) -> jax.Array:
    """Return the embeddings of tokens."""
    return jax.jit(loaded.module.apply)({"params": loaded.params}, jnp.asarray(tokens))


def assert_same_with_padding(loaded: LoadedText, pad: int) -> None:
    """Check that three more tokens of padding change neither embeddings nor gradients."""
    short = loaded.tokenize(STRINGS)
    long = np.pad(short, ((0, 0), (0, 3)), constant_values=pad)
    target = (
        np.random.default_rng(1).normal(size=(len(STRINGS), loaded.features)).astype(np.float32)
    )

    @jax.jit
    def run(params: Any, tokens: jax.Array) -> tuple[jax.Array, Any]:
        embeddings, pullback = jax.vjp(lambda p: loaded.module.apply({"params": p}, tokens), params)
        return embeddings, pullback(jnp.asarray(target))

    results = [run(loaded.params, jnp.asarray(tokens)) for tokens in (short, long)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), *results)


def assert_parameters_fit(loaded: LoadedText) -> None:
    """Check that the parameters are those that the module itself would make."""
    tokens = jnp.asarray(loaded.tokenize(STRINGS))
    variables = jax.eval_shape(loaded.module.init, jax.random.key(0), tokens)
    wanted, found = (
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
        for tree in (variables["params"], loaded.params)
    )
    assert found == wanted


def layer_norm(x: np.ndarray, tensors: Tensors, name: str, epsilon: float) -> np.ndarray:
    """Return normalized channels."""
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def linear(x: np.ndarray, tensors: Tensors, name: str) -> np.ndarray:
    """Return a linear map of channels."""
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    heads: int,
    *,
    causal: bool,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Return what attention mixes for every token, one head and one token at a time.

    `bias[head, t, t2]` is added to the logit of a pair.
    """
    mixed = np.zeros_like(v)
    size = v.shape[-1] // heads
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        for t in range(len(q)):
            seen = slice(0, t + 1 if causal else len(q))
            logits = k[seen, own] @ q[t, own] / np.sqrt(size)
            weight = np.exp(logits if bias is None else logits + bias[head, t, seen])
            mixed[t, own] = weight / weight.sum() @ v[seen, own]
    return mixed
