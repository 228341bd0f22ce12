"""STAR on NW-UCLA: zero-shot recognition of real skeletons, ten classes.

Data:     python -m data_pipelines.convert nw_ucla --raw=all_sqe.zip --out=data
Command:  python -m gapjax.main --config=configs/star_ucla.py:minilm --workdir=runs/star_ucla
Splits:   `8_2` (the default), `5_5`; others by --config.data.zero_shot=random:2:SEED
Expected: docs/expected.md; chance is 50.0 % at 8/2 and 20.0 % at 5/5
Cost:     `:quick` some minutes on one CPU core. The full networks, never run: encoder 77 TFLOP
          (12 epochs of 127 steps of 32 clips, 1.58 GFLOP each as compiled, docs/compiled.md), STAR
          33 TFLOP (10 epochs of 63 steps of 64)

Variants: `quick`, minutes on a CPU; the splits, and those of every config of STAR
(configs/base_star.py).
"""

from ml_collections import ConfigDict

from configs import base, base_star


def quick(config: ConfigDict) -> None:
    """Learn what a CPU learns within minutes."""
    base_star.quick(config)
    config.encoder.repeat = 2
    config.optimizer.milestones = (5, 7)
    config.train.epochs = config.eval.every = 8


VARIANTS = {
    "quick": quick,
    **base.splits("8_2", "5_5"),
    **base_star.ZERO_SHOT_VARIANTS,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = base_star.kinect_config("nw_ucla", "xview", "8_2")
    config.encoder.epochs = 12
    config.encoder.optimizer.milestones = (8, 10)
    config.train.epochs = 10
    config.optimizer.milestones = (6, 8)
    return base.apply(config, variants, VARIANTS)
