"""STAR (ACM MM 2024) on UTD-MHAD: skeleton encoders that are trained on its seen classes alone.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.study configs/studies/utd_encoders.py --workdir=runs/utd_encoders

Which encoder to choose without weights trained on more data. The column "folds" is the one to
choose by: each of three folds trains the encoder, and STAR, without its pseudo-unseen classes. The
other columns only tell what the choice would have been worth. MiniLM's text, and the small networks
of `:quick`.
"""

from configs import star_utd
from configs.studies.star_small import encoders
from gapjax.studies.study import Study

STUDY = Study(
    title="Encoders on UTD-MHAD",
    config=star_utd,
    variants="quick,minilm,described",
    overrides={"zero_shot.folds": 3, "zero_shot.fold_encoder": "own"},
    rows=tuple(row for split in ("22_5", "18_9") for row in encoders(split)),
)
