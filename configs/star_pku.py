"""STAR on PKU-MMD I: zero-shot recognition, as in STAR (ACM MM 2024), tables 4 and 5.

Data:     python -m data_pipelines.convert pku_mmd --raw=PKUMMD --out=data
Command:  python -m gapjax.main --config=configs/star_pku.py:clip --workdir=runs/star_pku
Splits:   `46_5` by default; `39_12`, `table5_1`, `table5_2`, `table5_3`; others by
          --config.data.zero_shot=random:COUNT:SEED. Protocols: xsub by default; `xview`
Expected: the paper has 70.6 (H 67.1) over its three random splits, `table5_1` to `table5_3`
          (docs/facts.md, D.10). Not measured here
Cost:     encoder 6.8 PFLOP (82 epochs of 535 steps of 32 clips, as the release's weights imply,
          4.85 GFLOP each as compiled, docs/compiled.md), STAR 0.6 PFLOP (40 epochs of 267 steps of
          64), the three folds that choose γ less than STAR each; 0.41 MB of features a sample on
          disk. Never timed

Variants: the splits and protocols, and those of every config of STAR (configs/base_star.py).
`frame_wise` prepares clips as the release does: everybody about their own spine and turned to the
camera in every frame, nothing random, which `released` does too.

By default clips are centered as those of NTU RGB+D: on the first person in the first frame.
"""

from ml_collections import ConfigDict

from configs import base, base_star


def frame_wise(config: ConfigDict) -> None:
    """Prepare clips as released for PKU-MMD (facts C.7): each body by itself, nothing random."""
    config.clips.update(origin="every_frame", align="shoulders", rotation="none")
    config.clips.update(longest=300, train_crop=(1.0, 1.0), eval_crop=1.0)


def released(config: ConfigDict) -> None:
    """Follow STAR's release, its preparation of PKU-MMD included."""
    base_star.released_star(config)
    frame_wise(config)


VARIANTS = {
    **base.splits("46_5", "39_12", "table5_1", "table5_2", "table5_3"),
    **base.protocols("xview"),
    **base_star.ZERO_SHOT_VARIANTS,
    "frame_wise": frame_wise,
    "released": released,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = base_star.star_config("pku_mmd", "xsub", "46_5")
    config.clips.update(origin="first_frame", rotation="rigid")
    config.zero_shot.gamma = 0.022
    config.optimizer.milestones = (15, 20)
    return base.apply(config, variants, VARIANTS)
