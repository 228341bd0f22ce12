"""GAP (ICCV 2023), Table 1f: comparison with prompt learning. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1f.py --workdir=runs/gap_table1f

The baseline's prompts are fixed: those of Table 1b's label name, whose number is the same. Learned
ones are 16 vectors before the label that all classes share, as in CoOp (Zhou et al., IJCV 2022);
the paper does not say how many it has. Both stand for the whole body alone. TE is the text encoder.
Single-scale temporal convolutions (4.2).
"""

from configs import gap_ntu120
from configs.studies.gap_rows import whole
from gapjax.studies.study import Row, Study

LEARNED = {**whole("label"), "method.prompt_tokens": 16}

STUDY = Study(
    title="GAP, Table 1f: comparison with prompt learning",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale"},
    rows=(
        Row("Baseline, TE tuned", whole("template"), {"top-1": 84.8}),
        Row("PL, TE fixed", {**LEARNED, "method.train_text": False}, {"top-1": 85.1}),
        Row("PL, TE tuned", LEARNED, {"top-1": 85.2}),
        Row("GAP", {"method.partition": "4", "method.global_text": "synonym"}, {"top-1": 85.5}),
    ),
)
