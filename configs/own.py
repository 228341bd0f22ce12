"""A plain classifier on a dataset of your own, whatever its joints and dimensions.

Data:     python -m data_pipelines.convert own --raw=FOLDER --out=data --name=mine
Command:  python -m gapjax.main --config=configs/own.py --config.data.dataset=mine
          --config.data.protocol=xsub --workdir=runs/mine    (in one line)
Expected: depends on the data; docs/own-data.md has an example
Cost:     30 epochs, at 1.2 GFLOP a clip of two persons with 25 joints, 0.4 of one with 17 (counted
          by XLA before it compiles)

Variants: `gap` adds GAP's contrast with the names of the classes, and with other words for them
if there are texts; `star` recognizes unseen classes by their texts (--config.data.zero_shot=SPLIT;
docs/own-data.md), with `minilm` for a text encoder that knows words; `bfloat16` computes in
bfloat16; `smoke` checks the plumbing, with the built-in dataset unless data.dataset names one.

A batch has 8 clips with fewer than 512 training clips, and 64 with 2,048 or more: a run says which.
Clips are moved to their first frame's center joint and scaled to [-1, 1] over their length, so that
pixels and meters are alike.
"""

from ml_collections import ConfigDict

from configs import base, base_star
from gapjax.experiment.config_dict import choose, new_config


@base.about("method")
def gap(config: ConfigDict) -> None:
    """Train with text about the whole body; parts are --config.method.partition=NAME."""
    choose(config, "method", "gap")
    config.method.partition = "global"


@base.about("method")
def star(config: ConfigDict) -> None:
    """Recognize unseen classes by their texts; parts are --config.method.partition=NAME."""
    choose(config, "method", "star")
    base_star.quick(config)
    config.backbone.width = 32
    config.encoder.person_merge = "present"
    config.method.partition = "global"
    config.method.class_text = "paragraph"
    config.method.text_scale = "unit"
    config.encoder.batch_size = 0
    config.encoder.epochs = 30
    config.encoder.optimizer.milestones = (20, 26)
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = (12, 17)
    config.train.epochs = config.eval.every = 20


def smoke(config: ConfigDict) -> None:
    """Check the plumbing, on a small built-in dataset unless data.dataset names one."""
    if config.method.name == "star":
        base_star.smoke_star(config)
        config.data.zero_shot = "18_6"
    base.smoke(config)
    config.data.update(dataset="synthetic", protocol="xsub")
    config.train.batch_size = config.eval.batch_size = 8


VARIANTS = {"gap": gap, "star": star, "minilm": base_star.minilm, **base.COMMON, "smoke": smoke}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config()
    config.method.persons = "present"
    config.clips.origin = "first_frame"
    config.clips.scale = "axis_range"
    config.backbone.width = 32
    config.backbone.stages = (1, 1, 1)
    config.mesh.cpu_devices = 2
    config.optimizer.warmup_epochs = 2
    config.optimizer.milestones = (20, 26)
    config.train.epochs = 30
    config.train.batch_size = 0
    config.eval.every = 5
    return base.apply(config, variants, VARIANTS)
