"""GAP (ICCV 2023), section 4.3: the trade-off λ of Eq. 1. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_lambda.py --workdir=runs/gap_lambda

The paper searches λ "with 5-fold cross-validation"; the rows are evaluated on the test samples of
X-Sub. 3.1 calls λ a learnable parameter: the last row, of which the paper has no number.
Single-scale temporal convolutions (4.2).
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, section 4.3: the trade-off λ",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale"},
    rows=(
        *(
            Row(f"λ = {value}", {"method.loss_weight": value}, {"top-1": accuracy})
            for value, accuracy in ((1.0, 85.4), (0.8, 85.5), (0.5, 85.3), (0.2, 85.2))
        ),
        Row("λ learned", {"method.learn_loss_weight": True}),
    ),
)
