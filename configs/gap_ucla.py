"""GAP on NW-UCLA, cross-view: GAP (ICCV 2023), section 4.2 and table 2.

Data:     python -m data_pipelines.convert nw_ucla --raw=all_sqe.zip --out=data
Command:  python -m gapjax.main --config=configs/gap_ucla.py:clip --workdir=runs/ucla_joint
Streams:  :bone, :joint_motion, :bone_motion, then python -m gapjax.ensemble of the four workdirs.
Expected: paper 94.0 joint, 95.3 bone, 93.5 joint motion, 91.2 bone motion, 97.2 ensemble.
          Here: docs/expected.md
Cost:     110 epochs of 5,100 clips: about 13 hours at the 12 clips/s measured on two CPU cores.

Variants: those of every config of GAP (configs/base_gap.py).
"""

from ml_collections import ConfigDict

from configs import base, base_gap
from gapjax.experiment.config_dict import new_config

VARIANTS = base_gap.GAP_VARIANTS


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config(method="gap")
    config.data.update(dataset="nw_ucla", protocol="xview", repeat=5)
    base.use_kinect_clips(config)
    config.optimizer.learning_rate = 0.2
    config.optimizer.milestones = (90, 100)
    config.train.epochs = 110
    return base.apply(config, variants, VARIANTS)
