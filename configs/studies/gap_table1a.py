"""GAP (ICCV 2023), Table 1a: partition strategies. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1a.py --workdir=runs/gap_table1a

The ablations have CTR-GCN with single-scale temporal convolutions (4.2). Parts have no global text
here: four parts have the 85.4 of "body parts" in Table 1b, and the 85.5 there are with synonyms.
"""

from configs import gap_ntu120
from configs.studies.gap_rows import partitions
from gapjax.studies.study import Study

STUDY = Study(
    title="GAP, Table 1a: partition strategies",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale", "method.global_text": "none"},
    rows=partitions(
        {
            "None": 84.6,
            "Global": 85.2,
            "Upper, Lower": 85.3,
            "Head, Hand, Hip, Leg": 85.4,
            "Head, Hand, Arm, Hip, Leg, Foot": 85.4,
        }
    ),
)
