"""GAP (ICCV 2023) on the built-in data: partitions, as in its Table 1a.

Data:     python -m data_pipelines.convert synthetic --out=data
Command:  python -m gapjax.study configs/studies/demo_gap.py --workdir=runs/demo_gap --seeds=5

Hashed text, and the network of the demo.
"""

from configs import gap_demo
from configs.studies.gap_table1b import whole
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP on the built-in data",
    config=gap_demo,
    overrides={"method.global_text": "none"},
    rows=(
        Row("None", {"method.partition": "none"}),
        Row("Global", whole("synonym")),
        Row("Upper, Lower", {"method.partition": "2"}),
        Row("Head, Hand, Hip, Leg", {"method.partition": "4"}),
        Row("Head, Hand, Arm, Hip, Leg, Foot", {"method.partition": "6"}),
    ),
)
