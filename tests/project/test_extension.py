"""The first design law: a new part is one file and one config line; each trains for an epoch."""

import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import data_pipelines.datasets
import gapjax.backbones
import gapjax.methods
import gapjax.text.encoders
from configs import gap_demo, own
from gapjax.experiment import carry_out, schema
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import choose, plan_of
from gapjax.training import loop
from gapjax.workdir.scores import Scores, read_scores, scores_path
from support.commands import ROOT

pytestmark = pytest.mark.slow

DATASET = '''
"""Two stick figures, one of which moves."""
import numpy as np
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import Skeleton

STICK = Skeleton("stick", ("foot", "hip", "head"), ((0, 1), (2, 1)), 1, 1, (0, 2),
                 {"2": {"upper": (1, 2), "lower": (0,)}})
SPEC = DatasetSpec("mine", STICK, ("wave", "kick"), 1, {"xsub": Protocol("subject", (1,), (8, 8))},
                   texts="", obtain="nothing", coordinates=2, builtin=True)

def items(raw):
    return range(16)

def read(i):
    frames = np.random.default_rng(i).normal(size=(5 + i, 1, 3, 2)).astype(np.float32)
    yield Record(frames * (1 + i % 2), i % 2, 1 + i // 8, 1, 0, f"sample{i}")
'''
BACKBONE = '''
"""A linear map of every joint."""
from typing import Any
import flax.linen as nn
from gapjax.backbones import BackboneSpec
from data_pipelines.specs.skeletons import Skeleton

class Backbone(nn.Module):
    skeleton: Skeleton
    dtype: Any
    depth: int = 3

    @nn.compact
    def __call__(self, x, *, train):
        return nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(self.depth)(x)))

BACKBONE = BackboneSpec(Backbone)
'''
ENCODER = '''
"""The number of letters."""
import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from gapjax.text.encoder import LoadedText

class TextEncoder(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        return nn.Dense(4)(tokens.astype(jnp.float32))

def files(options):
    return []

def load(options):
    kernel = np.eye(1, 4, dtype=np.float32)
    tokenize = lambda texts: np.asarray([[len(text)] for text in texts], np.int32)
    params = {"Dense_0": {"kernel": kernel, "bias": np.ones(4, np.float32)}}
    return LoadedText(TextEncoder(), params, tokenize, 4)
'''
METHOD = '''
"""Supervised training that squares its loss."""
from gapjax.methods import LossOut, MethodSpec
from gapjax.methods.supervised import Options, Supervised
from gapjax.nn.heads import Recognizer

class Squared(Supervised):
    def loss(self, variables, clips, labels, text, keys):
        out = super().loss(variables, clips, labels, text, keys)
        return LossOut(out.total**2, out.batch_stats, out.scalars)

def build(context, options):
    return Squared(Recognizer(context.backbone, len(context.labels)))

METHOD = MethodSpec(Options, build, uses_text=lambda options: False)
'''


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the function that puts a module's file into a package's folders."""

    def put(package: object, source: str) -> None:
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / "mine.py").write_text(textwrap.dedent(source))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.mine", raising=False)
        schema.all_keys.cache_clear()

    return put


@pytest.fixture
def backbone(drop: object) -> None:
    """Add the backbone, which every test trains: it compiles quickly."""
    drop(gapjax.backbones, BACKBONE)


def train_smoke(data: Path, workdir: Path, **lines: str) -> Scores:
    """Return the test scores of the smoke run whose config has some lines changed."""
    config = gap_demo.get_config("smoke")
    choose(config, "backbone", "mine")
    config.mesh.devices = 1
    config.data.dir = str(data)
    if "method__name" in lines:
        choose(config, "method", lines.pop("method__name"))
    for key, value in lines.items():
        section, name = key.split("__")
        config[section][name] = value
    loop.train(build(plan_of(config)), workdir)
    return read_scores(scores_path(workdir, "test"))


def test_a_backbone(backbone: None, data: Path, tmp_path: Path) -> None:
    scores = train_smoke(data, tmp_path / "run")
    assert scores.facts["backbone"] == "mine"
    assert np.isfinite(scores.score).all()


def test_the_backbone_of_the_readme(drop: object, data: Path, tmp_path: Path) -> None:
    """The README's own block, which has no batch normalization, under GAP and without text."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (source,) = [block for block in blocks if "BACKBONE" in block]
    drop(gapjax.backbones, source)
    for method in ("gap", "supervised"):
        scores = train_smoke(data, tmp_path / method, method__name=method)
        assert scores.facts["backbone"] == "mine"
        assert np.isfinite(scores.score).all()


def test_a_text_encoder(backbone: None, drop: object, data: Path, tmp_path: Path) -> None:
    drop(gapjax.text.encoders, ENCODER)
    scores = train_smoke(data, tmp_path / "run", text__encoder="mine")
    assert scores.facts["text"] == "mine"


def test_a_method(backbone: None, drop: object, data: Path, tmp_path: Path) -> None:
    drop(gapjax.methods, METHOD)
    scores = train_smoke(data, tmp_path / "run", method__name="mine")
    assert scores.facts["method"] == "mine"


def test_a_dataset(backbone: None, drop: object, tmp_path: Path) -> None:
    """A body of three joints in two dimensions goes through the whole system, described by names.

    Its only protocol and the size of a batch are chosen.
    """
    drop(data_pipelines.datasets, DATASET)
    config = own.get_config("gap")
    config.data.dataset = "mine"
    choose(config, "backbone", "mine")
    config.mesh.devices, config.data.dir = 1, str(tmp_path / "data")
    result = carry_out.run(config, tmp_path / "run")
    scores = read_scores(scores_path(tmp_path / "run", "test"))
    assert scores.score.shape == (8, 2)
    assert (scores.facts["method"], scores.facts["protocol"]) == ("gap", "xsub")
    assert result["epoch"] == 30
