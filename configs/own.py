"""A plain classifier on a dataset of your own, whatever its joints and dimensions.

Data:     python -m data_pipelines.convert own --raw=FOLDER --out=data --name=mine
Command:  python -m gapjax.main --config=configs/own.py --config.data.dataset=mine
          --config.data.protocol=xsub --workdir=runs/mine    (in one line)
Expected: depends on the data
Cost:     depends on the data; not measured

Variants: `gap` adds GAP's contrast with the names of the classes and other words for them, if
there are texts; `bfloat16` computes in bfloat16, `smoke` checks the plumbing.

Clips are moved to their first frame's center joint and scaled to [-1, 1] over their length, so that
pixels and meters are alike.
"""

from ml_collections import ConfigDict

from configs import base
from gapjax.experiment.config_dict import choose, new_config


def gap(config: ConfigDict) -> None:
    """Train with text about the whole body; parts are --config.method.partition=NAME."""
    choose(config, "method", "gap")
    config.method.partition = "global"


def smoke(config: ConfigDict) -> None:
    """Check the plumbing, with batches that the smallest dataset can fill."""
    base.smoke(config)
    config.train.batch_size = config.eval.batch_size = 8


VARIANTS = {**base.COMMON, "gap": gap, "smoke": smoke}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config()
    config.clips.origin = "first_frame"
    config.clips.scale = "axis_range"
    config.backbone.width = 32
    config.backbone.stages = (1, 1, 1)
    config.mesh.cpu_devices = 2
    config.optimizer.warmup_epochs = 2
    config.optimizer.milestones = (20, 26)
    config.train.epochs = 30
    config.train.batch_size = config.eval.batch_size = 32
    config.eval.every = 5
    return base.apply(config, variants, VARIANTS)
