"""GAP on UTD-MHAD, across subjects: GAP (ICCV 2023) on real skeletons, on a CPU.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.main --config=configs/gap_utd.py:small,minilm --workdir=runs/gap_utd
Expected: docs/expected.md; the paper has no numbers on this dataset
Cost:     65 epochs of 134 steps of 16 clips; `small` trains a fifth of them, in 26 steps an epoch.

Streams:  :bone, :joint_motion, :bone_motion, then python -m gapjax.ensemble of the four workdirs.

Variants: `small`, three small blocks for a CPU, text frozen; those of every config of GAP
(configs/base_gap.py).
"""

from ml_collections import ConfigDict

from configs import base, base_gap
from gapjax.experiment.config_dict import new_config


def small(config: ConfigDict) -> None:
    """Train three small blocks, for a CPU; text stays as it is."""
    config.clips.window = 32
    config.backbone.width = 32
    config.backbone.stages = (1, 1, 1)
    config.data.repeat = 1
    config.method.train_text = False


VARIANTS = {"small": small, **base_gap.GAP_VARIANTS}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config(method="gap")
    config.data.update(dataset="utd_mhad", protocol="xsub", repeat=5)
    base.use_kinect_clips(config)
    config.optimizer.learning_rate = 0.1
    config.optimizer.milestones = (45, 55)
    config.train.epochs = 65
    config.train.batch_size = 16
    config.eval.every = 5
    return base.apply(config, variants, VARIANTS)
