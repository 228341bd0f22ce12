"""STAR (ACM MM 2024), Table 5: other known and unknown classes, X-Sub: the mean of three splits.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
          python -m data_pipelines.convert pku_mmd --raw=PKUMMD --out=data
Command:  python -m gapjax.study configs/studies/star_table5.py --workdir=runs/star_table5

The table's column GZSL is H. The splits are those of the release (facts D.7). `--rows=NTU` does
without PKU-MMD. `Global alignment` and `Linear map` are references of ours.
"""

from configs import star_ntu60
from configs.studies import star_rows
from gapjax.studies.study import Study

SPLITS = ("table5_1", "table5_2", "table5_3")

# Variant → the paper's numbers on NTU RGB+D and on PKU-MMD; it has no H of SMIE.
PAPER = {
    "revise": ({"ZSL": 54.7, "H": 27.4}, {"ZSL": 48.7, "H": 32.8}),
    "jpose": ({"ZSL": 56.6, "H": 44.7}, {"ZSL": 39.2, "H": 31.7}),
    "cada_vae": ({"ZSL": 58.0, "H": 47.1}, {"ZSL": 49.0, "H": 52.7}),
    "synse": ({"ZSL": 59.9, "H": 49.9}, {"ZSL": 43.5, "H": 40.4}),
    "smie": ({"ZSL": 64.2}, {"ZSL": 66.4}),
}

STUDY = Study(
    title="STAR, Table 5: other known and unknown classes",
    config=star_ntu60,
    variants="clip",
    rows=star_rows.by_dataset(
        [
            star_rows.on_both("Global alignment", variants="global", average=SPLITS),
            star_rows.on_both("Linear map", variants="regression", average=SPLITS),
            *(
                star_rows.on_both(name, None, PAPER[key], variants=key, average=SPLITS)
                for key, name in star_rows.BASELINES.items()
            ),
            star_rows.on_both(
                "STAR", None, ({"ZSL": 77.5, "H": 62.8}, {"ZSL": 70.6, "H": 67.1}), average=SPLITS
            ),
        ]
    ),
)
