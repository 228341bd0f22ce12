"""GAP on the built-in dataset: what `make demo` runs. No download, no weights.

Data:     nothing to obtain: the first run makes data/synthetic
Command:  python -m gapjax.main --config=configs/gap_demo.py --workdir=runs/gap_demo
Expected: docs/expected.md; chance is 4.2 %
Cost:     1 min 54 s on two CPU cores, the compilation included

Streams:  :bone, :joint_motion, :bone_motion, then python -m gapjax.ensemble of the four workdirs.

Variants: the streams; `paper` and `released` follow the paper or the released code where the two
differ; `no_text` trains without text, `stream` reads TFRecords while training, `bfloat16` computes
in bfloat16, `smoke` checks the plumbing.
"""

from ml_collections import ConfigDict

from configs import base, base_gap
from gapjax.experiment.config_dict import new_config

VARIANTS = {
    **base_gap.STREAMS,
    "paper": base_gap.paper,
    "released": base_gap.released,
    "no_text": base.no_text,
    "stream": base.setting(
        "Read TFRecords while training instead of keeping the frames in memory.",
        data__feed="stream",
    ),
    **base.COMMON,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = new_config(method="gap")
    base.use_builtin_data(config)
    config.optimizer.warmup_epochs = 2
    config.optimizer.milestones = (7, 9)
    config.train.epochs = 10
    config.train.batch_size = 48
    config.eval.every = 5
    return base.apply(config, variants, VARIANTS)
