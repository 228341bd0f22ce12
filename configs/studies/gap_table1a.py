"""GAP (ICCV 2023), Table 1a: partition strategies. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1a.py --workdir=runs/gap_table1a

The ablations have CTR-GCN with single-scale temporal convolutions (4.2). Parts have no global text
here: four parts have the 85.4 of "body parts" in Table 1b, and the 85.5 there are with synonyms.
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, Table 1a: partition strategies",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale", "method.global_text": "none"},
    rows=(
        Row("None", {"method.partition": "none"}, {"top-1": 84.6}),
        Row(
            "Global",
            {"method.partition": "global", "method.global_text": "synonym"},
            {"top-1": 85.2},
        ),
        Row("Upper, Lower", {"method.partition": "2"}, {"top-1": 85.3}),
        Row("Head, Hand, Hip, Leg", {"method.partition": "4"}, {"top-1": 85.4}),
        Row("Head, Hand, Arm, Hip, Leg, Foot", {"method.partition": "6"}, {"top-1": 85.4}),
    ),
)
