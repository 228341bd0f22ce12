"""GAP (ICCV 2023), section 4.3: the trade-off λ of Eq. 1. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_lambda.py --workdir=runs/gap_lambda --seeds=5

The paper searches λ "with 5-fold cross-validation", and its numbers are of the size of those on
test samples (85.5 is in Table 1): they stand beside both. In cross-validation a seed is a fold of
the training subjects, so that five seeds are needed. 3.1 calls λ a learnable parameter: the last
row of either group, of which the paper has no number. Single-scale temporal convolutions (4.2).
"""

from configs import gap_ntu120
from gapjax.studies.study import Row, Study


def rows(group: str, folds: int) -> tuple[Row, ...]:
    """Return the rows of every λ, on test samples (no folds) or in cross-validation."""
    searched = ((1.0, 85.4), (0.8, 85.5), (0.5, 85.3), (0.2, 85.2))
    folded = {"data.cross_validation": folds}
    return (
        *(
            Row(
                f"λ = {value}",
                {"method.loss_weight": value, **folded},
                {"top-1": top1},
                group=group,
            )
            for value, top1 in searched
        ),
        Row("λ learned", {"method.learn_loss_weight": True, **folded}, group=group),
    )


STUDY = Study(
    title="GAP, section 4.3: the trade-off λ",
    config=gap_ntu120,
    variants="clip",
    overrides={"backbone.temporal": "single_scale"},
    rows=(*rows("5-fold cross-validation", 5), *rows("Test samples", 0)),
)
