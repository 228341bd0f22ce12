"""Shift-GCN, supervised on the seen classes of a zero-shot split: the encoder of STAR, by itself.

`star_*` trains it as its first stage; this is for an encoder that several runs share
(`--config.encoder.checkpoint=WORKDIR`). Recipe: facts E.3.

Data:     python -m data_pipelines.convert ntu60 --raw=PATH --out=data
Command:  python -m gapjax.main --config=configs/pretrain_shift_gcn.py:48_12 --workdir=runs/encoder
Expected: published Shift-GCN has 87.8 on X-Sub with all classes (facts E.3). Not measured here: the
          data are not public
Cost:     82 epochs of 1,148 steps of 32 clips: 14.6 PFLOP, at 4.85 GFLOP a clip as compiled
          (docs/compiled.md); 1.7 GB of frames on the device. Never timed

Variants: the splits of NTU RGB+D `55_5` (the default) and `48_12`; `ucla` and `utd` train on those
datasets' first splits; `all_classes` trains on every class; `bfloat16` computes in bfloat16;
`smoke` checks the plumbing.
"""

from ml_collections import ConfigDict

from configs import base, base_star
from gapjax.experiment.config_dict import new_config


@base.about("dataset")
def ucla(config: ConfigDict) -> None:
    """Train on NW-UCLA, split 8/2."""
    base.use_kinect_clips(config)
    config.data.update(dataset="nw_ucla", protocol="xview", zero_shot="8_2", repeat=5)


@base.about("dataset")
def utd(config: ConfigDict) -> None:
    """Train on UTD-MHAD, split 22/5."""
    base.use_kinect_clips(config)
    config.data.update(dataset="utd_mhad", protocol="xsub", zero_shot="22_5", repeat=5)


VARIANTS = {
    "ucla": ucla,
    "utd": utd,
    **base.splits("55_5", "48_12"),
    "all_classes": base.setting("Train on every class.", "split", data__zero_shot=""),
    **base.COMMON,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config(backbone="shift_gcn")
    config.clips.rotation = "rigid"
    config.data.update(dataset="ntu60", protocol="xsub", zero_shot="55_5")
    config.optimizer.learning_rate = 0.1
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = (60, 80)
    config.optimizer.weight_decay = 1e-4
    config.optimizer.rules = base_star.SHIFT_GCN_RULES
    config.train.epochs = 82
    config.train.batch_size = 32
    config.eval.every = 82
    return base.apply(config, variants, VARIANTS)
