"""STAR (ACM MM 2024), Figure 3: the calibration factor γ, and m, the attributes of a part, X-Sub.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
          python -m data_pipelines.convert pku_mmd --raw=PKUMMD --out=data
Command:  python -m gapjax.study configs/studies/star_figure3.py --workdir=runs/star_figure3

Every row's `gamma.png` and `gamma.csv` have S, U and H over γ, as in Figure 3 (a) and (b), with
the γ that folds choose, the paper's (0.012 and 0.022, Table 1) and the best on the test samples.
The table is Figure 3 (c) and (d). The figure is an image in the copy of the paper that was read:
the paper's m is 100 (Table 1), the others are our choice. `--rows=NTU` does without PKU-MMD.
"""

from configs import star_ntu60
from configs.studies import star_rows
from gapjax.studies.study import Study

STUDY = Study(
    title="STAR, Figure 3: calibration factor and attributes",
    config=star_ntu60,
    variants="clip",
    rows=star_rows.by_dataset(
        [
            star_rows.on_both("m = 100", {"method.attributes": 100}, ({"ZSL": 81.4}, {})),
            *(
                star_rows.on_both(f"m = {m}", {"method.attributes": m})
                for m in (25, 50, 75, 125, 150)
            ),
        ]
    ),
)
