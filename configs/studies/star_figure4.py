"""STAR (ACM MM 2024), Figure 4: spaces with and without prompts. NTU RGB+D 55/5, X-Sub.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
Command:  python -m gapjax.study configs/studies/star_figure4.py --workdir=runs/star_figure4

`STAR/spaces.png` has the clips, the names and the descriptions of parts of three seen and three
unseen classes, drawn at random, by one seed of STAR, of STAR without visual-attribute prompts (VAP)
and without semantic-part prompts (SPP): by t-SNE where scikit-learn is installed
(`pip install gapjax[tsne]`), or by principal components. Unseen classes have semantic-part prompts
with `--over=method.semantic_classes=all` alone, as released. The figure is an image in the copy of
the paper that was read; numbers are those of Table 7.
"""

from configs import star_ntu60
from gapjax import spaces
from gapjax.studies.study import Row, Study

STUDY = Study(
    title="STAR, Figure 4: spaces with and without prompts",
    config=star_ntu60,
    variants="clip",
    rows=(
        Row("STAR", {}, {"ZSL": 81.4}),
        Row("without VAP", change={"ZSL": -3.0, "H": -8.5}, variants="no_attribute_prompts"),
        Row("without SPP", change={"ZSL": -1.9, "H": -5.8}, variants="no_semantic_prompts"),
    ),
    figures=(spaces.of_study,),
)
