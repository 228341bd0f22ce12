"""STAR (ACM MM 2024) on NW-UCLA: its Tables 6 and 7 and all baselines, on two splits.

Data:     python -m data_pipelines.convert nw_ucla --raw=all_sqe.zip --out=data
Command:  python -m gapjax.study configs/studies/ucla_star.py --workdir=runs/ucla_star

The paper has no numbers on this dataset. MiniLM's text, and the small networks of `:quick`. Classes
are known by their names, as in the paper; `described` rows recognize by descriptions, too (ours).
"""

from configs import star_ucla
from configs.studies import star_small
from gapjax.studies.study import Study

SPLITS = {"8/2": "8_2", "5/5": "5_5"}

STUDY = Study(
    title="STAR on NW-UCLA",
    config=star_ucla,
    variants="quick,minilm",
    rows=tuple(row for name, key in SPLITS.items() for row in star_small.split(name, key)),
)
