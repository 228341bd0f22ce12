"""GAP (ICCV 2023), Table 1b: text prompt types. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1b.py --workdir=runs/gap_table1b

The label is in a prefix, cloze or suffix of Figure 4, drawn for each sample and step. The paper has
one row for synonyms and paragraphs. Body parts are four. The rows of the bare label, and of all
texts together, are not in the paper. Single-scale temporal convolutions (4.2).
"""

from configs import gap_ntu120
from configs.studies.gap_rows import whole
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, Table 1b: text prompt types",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale", "method.partition": "4"},
    rows=(
        Row("None", {"method.partition": "none"}, {"top-1": 84.6}),
        Row("Label name", whole("template"), {"top-1": 84.8}),
        Row("Label name, bare", whole("label")),
        Row("Synonym", whole("synonym"), {"top-1": 85.2}),
        Row("Paragraph", whole("paragraph"), {"top-1": 85.2}),
        Row("Body parts", {"method.global_text": "none"}, {"top-1": 85.4}),
        Row("Synonym + Body parts", {"method.global_text": "synonym"}, {"top-1": 85.5}),
        Row("Synonym, Paragraph + Body parts", {"method.global_text": "synonym+paragraph"}),
    ),
)
