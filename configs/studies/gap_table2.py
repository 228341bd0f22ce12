"""GAP (ICCV 2023), Table 2: four streams and their ensemble on NW-UCLA.

Data:     python -m data_pipelines.convert nw_ucla --raw=all_sqe.zip --out=data
Command:  python -m gapjax.study configs/studies/gap_table2.py --workdir=runs/gap_table2 --seeds=5

The paper's numbers are means of five runs (4.4). The rows of other methods are not run here.
"""

from configs import gap_ucla
from configs.studies import gap_streams

STUDY = gap_streams.study(
    "GAP, Table 2: NW-UCLA",
    gap_ucla,
    *gap_streams.rows((94.0, 93.5, 95.3, 91.2, 97.2)),
)
