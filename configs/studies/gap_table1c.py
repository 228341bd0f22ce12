"""GAP (ICCV 2023), Table 1c: text encoders. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1c.py --workdir=runs/gap_table1c

The text is a synonym for the whole body: of Tables 1a and 1b that is what has 85.2 with the default
encoder, XFMR-32. The paper does not say which BERT; here it is the base one, uncased. The last
three rows are not in the paper. Single-scale temporal convolutions (4.2). Each row names its own
encoder, whatever a variant says.
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, Table 1c: text encoders",
    config=gap_ntu120,
    overrides={
        "backbone.temporal": "single_scale",
        "method.partition": "global",
        "method.global_text": "synonym",
    },
    rows=(
        Row("XFMR-32", {}, {"top-1": 85.2}, variants="clip_b32"),
        Row("XFMR-16", {}, {"top-1": 85.1}, variants="clip_b16"),
        Row("XFMR-14", {}, {"top-1": 85.2}, variants="clip_l14"),
        Row("BERT", {}, {"top-1": 85.2}, variants="bert"),
        Row("XFMR-14, 336 px", variants="clip_l14_336"),
        Row("MiniLM", variants="minilm"),
        Row("MPNet", variants="mpnet"),
    ),
)
