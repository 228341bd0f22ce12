"""GAP (ICCV 2023), Table 1c: text encoders. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table1c.py --workdir=runs/gap_table1c

The text is a synonym for the whole body: of Tables 1a and 1b that is what has 85.2 with the default
encoder, XFMR-32. The paper does not say which BERT; here it is the base one, uncased. Single-scale
temporal convolutions (4.2). Each row names its own encoder, whatever a variant says.
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study


def encoder(name: str, checkpoint: str) -> dict[str, str]:
    """Return the keys of a text encoder."""
    return {"text.encoder": name, "text.checkpoint": checkpoint}


STUDY = Study(
    title="GAP, Table 1c: text encoders",
    config=gap_ntu120,
    overrides={
        "backbone.temporal": "single_scale",
        "method.partition": "global",
        "method.global_text": "synonym",
    },
    rows=(
        Row("XFMR-32", encoder("clip", "openai/clip-vit-base-patch32"), {"top-1": 85.2}),
        Row("XFMR-16", encoder("clip", "openai/clip-vit-base-patch16"), {"top-1": 85.1}),
        Row("XFMR-14", encoder("clip", "openai/clip-vit-large-patch14"), {"top-1": 85.2}),
        Row("BERT", encoder("bert", "google-bert/bert-base-uncased"), {"top-1": 85.2}),
    ),
)
