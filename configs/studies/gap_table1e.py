"""GAP (ICCV 2023), Table 1e: description methods. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1e.py --workdir=runs/gap_table1e

The first row has a classifier on the pooled features of each of four parts, and no text; it is the
row from which differences are told. Manual descriptions and part states stand for the whole body
(4.3). All texts are gapjax's own: not those of the paper's annotators, the states of HAKE or the
answers of GPT-3. Single-scale temporal convolutions (4.2).
"""

from configs import gap_ntu120
from configs.studies.gap_rows import whole
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, Table 1e: description methods",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale", "method.partition": "4"},
    rows=(
        Row("Part CLS Baseline", {"method.name": "part_classification"}, {"top-1": 84.2}),
        Row("Manual description", whole("manual"), {"top-1": 85.2}),
        Row("HAKE part state", whole("part_states"), {"top-1": 85.3}),
        Row("GPT-3 generated", {"method.global_text": "synonym"}, {"top-1": 85.5}),
    ),
)
