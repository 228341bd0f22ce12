"""STAR (ACM MM 2024) on UTD-MHAD: its Tables 6 and 7 and all baselines, on eight splits.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.study configs/studies/utd_star.py --workdir=runs/utd_star

The paper has no numbers on this dataset. MiniLM's text, and the small networks of `:quick`. Classes
are known by their names, as in the paper; `described` rows recognize by descriptions, too (ours).
"""

from configs import star_utd
from configs.studies import star_small
from gapjax.studies.study import Study

SPLITS = {
    "22/5": "22_5",
    "18/9": "18_9",
    "14/13": "14_13",
    **{f"random {number}": f"random:5:{number}" for number in range(1, 6)},
}

STUDY = Study(
    title="STAR on UTD-MHAD",
    config=star_utd,
    variants="quick,minilm",
    rows=tuple(row for name, key in SPLITS.items() for row in star_small.split(name, key)),
)
