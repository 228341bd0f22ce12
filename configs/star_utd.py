"""STAR on UTD-MHAD: zero-shot recognition of real skeletons on a CPU.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.main --config=configs/star_utd.py:minilm --workdir=runs/star_utd
Splits:   `22_5` (the default), `18_9`, `14_13`; others by --config.data.zero_shot=random:5:SEED
Expected: docs/expected.md; chance is 20.0 % at 22/5
Cost:     `:quick` from two and a half minutes on one CPU core (encoder 88 s, fold and STAR 66 s).
          The full networks, never run: encoder 82 TFLOP (30 epochs of 54 steps of 32 clips, 1.58
          GFLOP each as compiled, docs/compiled.md), STAR 42 TFLOP (30 epochs of 27 steps of 64)

Variants: `quick`, minutes on a CPU; the splits, and those of every config of STAR
(configs/base_star.py).
"""

from ml_collections import ConfigDict

from configs import base, base_star


def quick(config: ConfigDict) -> None:
    """Learn what a CPU learns within minutes."""
    base_star.quick(config)
    config.optimizer.milestones = (12, 17)
    config.train.epochs = config.eval.every = 20


VARIANTS = {
    "quick": quick,
    **base.splits("22_5", "18_9", "14_13"),
    **base_star.ZERO_SHOT_VARIANTS,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = base_star.kinect_config("utd_mhad", "xsub", "22_5")
    config.encoder.epochs = 30
    config.encoder.optimizer.milestones = (20, 26)
    config.train.epochs = 30
    config.eval.every = 10
    return base.apply(config, variants, VARIANTS)
