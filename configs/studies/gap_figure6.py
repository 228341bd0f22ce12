"""GAP (ICCV 2023), Figure 6: classes that gain or lose by GAP. NTU RGB+D 120, X-Sub, joints.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_figure6.py --workdir=runs/gap_figure6

`GAP/gain.png` has the classes whose accuracy differs by more than 4 points from that of CTR-GCN,
with the deviation over seeds; `GAP/gain.csv` has all classes. The paper's figure is an image in the
copy that was read; the text (4.5) names writing, open a box, eat meal and wield knife as gains, and
cutting paper, taking a selfie, play magic cube and play with phone/tablet as losses. Accuracies are
those of Table 1d.
"""

from configs import gap_ntu120
from gapjax.studies import row_figures
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="GAP, Figure 6: classes with and without GAP",
    config=gap_ntu120,
    variants="clip",
    rows=(
        Row("CTR-GCN", {"method.partition": "none"}, {"top-1": 84.9}),
        Row("GAP", {}, {"top-1": 85.5}),
    ),
    figures=(row_figures.gains(4.0),),
)
