"""STAR (ACM MM 2024), Figure 5: confusions of unseen classes, NTU RGB+D 55/5, X-Sub.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
Command:  python -m gapjax.study configs/studies/star_figure5.py --workdir=runs/star_figure5

`STAR/confusions.png` has those of STAR beside those of SMIE, summed over seeds, and
`STAR/confusions.csv` has their shares. The figure is an image in the copy of the paper that was
read. ZSL is that of Table 2.
"""

from configs import star_ntu60
from gapjax.studies import row_figures
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="STAR, Figure 5: confusions of unseen classes",
    config=star_ntu60,
    variants="clip",
    rows=(
        Row("SMIE", {}, {"ZSL": 77.9}, variants="smie"),
        Row("STAR", {}, {"ZSL": 81.4}),
    ),
    figures=(row_figures.confusions,),
)
