"""STAR on the union of four Kinect datasets: zero-shot recognition with 45 classes.

Data:     convert nw_ucla, utd_mhad, utkinect and msrc12 (docs/data.md), then
          python -m data_pipelines.convert kinect_union --raw=data --out=data
Command:  python -m gapjax.main --config=configs/star_union.py:minilm --workdir=runs/star_union
Splits:   eight of 45 classes are unseen: `split1` (the default), `split2`, `split3`, `split4` and
          `split5` are random:8:1 to random:8:5; others by --config.data.zero_shot=random:8:SEED
Balance:  training visits the four datasets about equally often (data.balance=sources), though 71 %
          of the clips are MSRC-12's; all results are there for each dataset, too (eval.by_source)
Expected: docs/expected.md; chance is 12.5 % among the unseen classes
Cost:     not measured; an epoch visits 8,500 to 11,700 clips, by the split

Variants: `quick`, for a CPU; the splits, and those of every config of STAR (configs/base_star.py).
"""

from ml_collections import ConfigDict

from configs import base, base_star


def quick(config: ConfigDict) -> None:
    """Train a small network for few epochs, for a CPU."""
    base_star.quick(config)
    config.encoder.epochs = 4
    config.encoder.optimizer.milestones = (2, 3)
    config.optimizer.milestones = (3, 4)
    config.train.epochs = config.eval.every = 5


VARIANTS = {
    "quick": quick,
    **{
        f"split{seed}": base.setting(
            f"Leave the classes of random:8:{seed} unseen.",
            "split",
            data__zero_shot=f"random:8:{seed}",
        )
        for seed in range(1, 6)
    },
    **base_star.ZERO_SHOT_VARIANTS,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = base_star.kinect_config("kinect_union", "xsub", "random:8:1")
    config.data.balance = "sources"
    config.data.repeat = config.encoder.repeat = 1
    config.eval.by_source = True
    config.encoder.epochs = 20
    config.encoder.optimizer.milestones = (12, 17)
    config.train.epochs = 20
    config.optimizer.milestones = (10, 16)
    config.eval.every = 10
    return base.apply(config, variants, VARIANTS)
