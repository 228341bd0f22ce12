"""Features of a small frozen encoder: eleven samples, three views of those that are trained on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from data_pipelines.specs.skeletons import NTU25
from gapjax.backbones import shift_gcn
from gapjax.inputs.clips import ClipRecipe, eval_clips, train_clips
from gapjax.inputs.feed import ResidentFeed, Store
from gapjax.parallel.sharding import make_layout
from gapjax.training.feature_cache import Source, items_of
from gapjax.training.frozen_encoder import Encoder

SAMPLES, VIEWS = 11, 3
RECIPE = ClipRecipe(NTU25, window=8, rotation="rigid", angle=0.3)


def feed() -> ResidentFeed:
    """Return a feed of eleven samples of one person and 5 to 15 frames."""
    rng = np.random.default_rng(0)
    count = np.arange(5, 5 + SAMPLES, dtype=np.int32)
    layout = make_layout(1)
    store = Store(
        frames=rng.normal(size=(count.sum(), 25 * 3)).astype(np.float32),
        start=(np.cumsum(count) - count).astype(np.int32),
        length=count,
        persons=np.ones(SAMPLES, np.int32),
        label=(np.arange(SAMPLES) % 4).astype(np.int32),
    )
    return ResidentFeed(layout.replicate(store), layout, 2, 15, 25)


def source() -> Source:
    """Return what computes features: three views of a small Shift-GCN."""
    backbone = shift_gcn.Backbone(NTU25, width=8, stages=(1,))
    clips = jnp.zeros((1, 2, 8, 25, 3))
    variables = jax.jit(lambda: backbone.init(jax.random.key(0), clips, train=False))()
    return Source(
        encoder=Encoder(backbone, variables),
        train_input=functools.partial(train_clips, RECIPE),
        eval_input=functools.partial(eval_clips, RECIPE),
        recipe=repr(RECIPE),
        index_digest="abc",
        contents_digest="def",
        seed=0,
        layout=make_layout(1),
        views=VIEWS,
    )


def items() -> np.ndarray:
    """Return the items of five training samples in all views, and of four test samples."""
    return items_of(np.array([0, 2, 3, 7, 9]), np.array([1, 4, 10, 2]), SAMPLES, VIEWS)
