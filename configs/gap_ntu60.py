"""GAP on NTU RGB+D: GAP (ICCV 2023), section 4.2 and table 3.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
Command:  python -m gapjax.main --config=configs/gap_ntu60.py:clip --workdir=runs/ntu60_joint
Streams:  :bone, :joint_motion, :bone_motion, then python -m gapjax.ensemble of the four workdirs.
          Protocols: xsub by default; `xview`
Expected: paper 90.2 joint, 91.2 bone, 88.0 joint motion, 87.8 bone motion, 92.9 ensemble
          (X-Sub). Not measured here: the data are not public
Cost:     110 epochs of 200 steps of 200 clips: 49 PFLOP, at 11.0 GFLOP a clip as compiled
          (docs/compiled.md); 1.7 GB of frames on the device. Never timed

Variants: the protocols, and those of every config of GAP (configs/base_gap.py).
"""

from ml_collections import ConfigDict

from configs import base, base_gap

VARIANTS = {
    **base.protocols("xview"),
    **base_gap.GAP_VARIANTS,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    return base.apply(base_gap.gap_on_ntu("ntu60"), variants, VARIANTS)
