"""GAP (ICCV 2023) on the built-in data: partitions, as in its Table 1a.

Data:     python -m data_pipelines.convert synthetic --out=data
Command:  python -m gapjax.study configs/studies/demo_gap.py --workdir=runs/demo_gap --seeds=5

Hashed text, and the network of the demo.
"""

from configs import gap_demo
from configs.studies.gap_rows import partitions
from gapjax.studies.study import Study

STUDY = Study(
    title="GAP on the built-in data",
    config=gap_demo,
    overrides={"method.global_text": "none"},
    rows=partitions(),
)
