"""GAP on NTU RGB+D 120: GAP (ICCV 2023), section 4.2 and table 4.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.main --config=configs/gap_ntu120.py:clip --workdir=runs/ntu120_joint
Streams:  :bone, :joint_motion, :bone_motion, then python -m gapjax.ensemble of the four workdirs.
          Protocols: xsub by default; `xset`
Expected: paper 85.5 joint, 87.5 bone, 82.3 joint motion, 82.4 bone motion, 89.9 ensemble
          (X-Sub). Not measured here: the data are not public
Cost:     110 epochs of 315 steps of 200 clips: 76 PFLOP, at 11.0 GFLOP a clip as compiled
          (docs/compiled.md); 3.4 GB of frames on the device. Never timed

Variants: the protocols, and those of every config of GAP (configs/base_gap.py). In
`released` an absent second person is a copy of the first.
"""

from ml_collections import ConfigDict

from configs import base, base_gap

VARIANTS = {
    **base.protocols("xset"),
    **base_gap.GAP_VARIANTS,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    return base.apply(base_gap.gap_on_ntu("ntu120"), variants, VARIANTS)
