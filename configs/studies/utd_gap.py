"""GAP (ICCV 2023) on UTD-MHAD: partitions and types of text, as in its Tables 1a and 1b.

Data:     python -m data_pipelines.convert utd_mhad --raw=Skeleton.zip --out=data
Command:  python -m gapjax.study configs/studies/utd_gap.py --workdir=runs/utd_gap

The paper has no numbers on this dataset. MiniLM's text, frozen, and the small network of `:small`.
Other texts: `--over=text.file=FILE`.
"""

from configs import gap_utd
from configs.studies.gap_rows import partitions, whole
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP on UTD-MHAD",
    config=gap_utd,
    variants="small,minilm",
    overrides={"method.global_text": "none"},
    rows=(
        *partitions(),
        Row("Label name", whole("template")),
        Row("Paragraph", whole("paragraph")),
        Row(
            "Synonym + body parts",
            {"method.partition": "4", "method.global_text": "synonym"},
        ),
    ),
)
