"""STAR (ACM MM 2024) on UTD-MHAD: γ of folds that share the run's encoder, or have their own.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.study configs/studies/utd_folds.py --workdir=runs/utd_folds

What to choose for `zero_shot.fold_encoder`. MiniLM's text, and the small networks of `:quick`.
"""

from configs import star_utd
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="Gamma from folds on UTD-MHAD",
    config=star_utd,
    variants="quick,minilm,described",
    overrides={"zero_shot.folds": 3},
    rows=tuple(
        Row(
            name,
            {"data.zero_shot": split, "zero_shot.fold_encoder": name},
            group=split.replace("_", "/"),
        )
        for split in ("22_5", "18_9")
        for name in ("shared", "own")
    ),
)
