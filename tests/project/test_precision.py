"""bfloat16 is of the computation alone: what a step keeps and what it logs stays in float32."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from configs import gap_ucla, star_ucla
from data_pipelines.specs.skeletons import KINECT20
from gapjax.experiment import abstract, platform
from gapjax.experiment.abstract import Size
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.model import build_backbone
from gapjax.experiment.plan import Plan
from gapjax.experiment.stages import named_stages, stages
from gapjax.parallel.sharding import shape_layout
from gapjax.training import loop


def plans() -> dict[str, Plan]:
    """Return the plan of each kind of stage, in bfloat16, of one small block."""
    found = {}
    for module in (gap_ucla, star_ucla):
        config = module.get_config("smoke,bfloat16")
        config.backbone.width, config.data.dir = 8, "/nowhere"
        found |= named_stages(stages(plan_of(config), Path()))
    return {name: stage.plan for name, stage in found.items()}


@pytest.mark.parametrize(
    ("of", "precision", "layout"),
    [
        ("cpu", "float32", "channels_first"),
        ("gpu", "bfloat16", "channels_first"),
        ("tpu", "bfloat16", "channels_last"),
    ],
)
def test_auto_is_what_suits_the_platform(of: str, precision: str, layout: str) -> None:
    config = gap_ucla.get_config()
    train = platform.settle(plan_of(config), of).train
    assert (train.precision, train.layout) == (precision, layout)
    config.train.precision, config.train.layout = "float32", "channels_last"
    config.train.recompute = True
    given = plan_of(config)
    assert platform.settle(given, of) == given
    backbone = build_backbone(given, KINECT20)
    assert (backbone.dtype, backbone.layout) == (jnp.dtype("float32"), "channels_last")
    assert backbone.recompute


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gap", "encoder", "star"])
def test_what_a_step_keeps_is_float32(name: str) -> None:
    """Parameters, running statistics and momentum, before and after; losses and the gradient."""
    run = abstract.build(plans()[name], shape_layout(jax.devices()), Size(longest=20))
    state, text = loop.state_shapes(run), run.layout.replicate(run.method.prepare_text())
    request = next(iter(run.feed.requests(run.order.batches(0, 1), 0, [1])))
    traced = loop.make_dispatch(run, state).trace(state, run.feed.store, request, text)
    new, scalars = traced.out_info
    assert jax.tree.map(_kind, new) == jax.tree.map(_kind, state)
    kept = jax.tree.leaves((state.params, state.batch_stats, new.opt_state, scalars))
    kinds = {leaf.dtype for leaf in kept} - {jnp.dtype("int32")}
    assert kinds == {jnp.dtype("float32")}
    # STAR's own stage is small, and in float32 throughout; its encoder is not.
    assert ("bf16" in str(traced.jaxpr)) == (name != "star")


def _kind(leaf: jax.ShapeDtypeStruct) -> tuple:
    return leaf.shape, leaf.dtype
