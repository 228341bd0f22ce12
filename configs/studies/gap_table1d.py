"""GAP (ICCV 2023), Table 1d: skeleton encoders, with and without GAP. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1d.py --workdir=runs/gap_table1d

All rows are trained as GAP is. How the paper trains ST-GCN is in its supplement, which was not
read.
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study


def pair(group: str, overrides: dict[str, str], without: float, with_gap: float) -> tuple[Row, Row]:
    """Return the rows of a skeleton encoder, without and with GAP, and their numbers."""
    no_text = {**overrides, "method.partition": "none"}
    return (
        Row("without GAP", no_text, {"top-1": without}, group=group),
        Row("with GAP", overrides, {"top-1": with_gap}, group=group),
    )


STUDY = Study(
    title="GAP, Table 1d: skeleton encoders",
    config=gap_ntu120,
    variants="clip",
    rows=(
        *pair("ST-GCN", {"backbone.name": "st_gcn"}, 82.6, 83.8),
        *pair("CTR-baseline", {"backbone.name": "ctr_baseline"}, 83.7, 84.6),
        *pair("CTR-GCN (single scale)", {"backbone.temporal": "single_scale"}, 84.6, 85.5),
        *pair("CTR-GCN (multi scale)", {"backbone.temporal": "multi_scale"}, 84.9, 85.5),
    ),
)
