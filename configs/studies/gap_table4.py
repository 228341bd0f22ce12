"""GAP (ICCV 2023), Table 4: four streams and their ensemble on NTU RGB+D 120.

Data:     python -m data_pipelines.convert ntu120 --raw=FOLDER --out=data
Command:  python -m gapjax.study configs/studies/gap_table4.py --workdir=runs/gap_table4 --seeds=5

The paper's numbers are means of five runs (4.4). The rows of other methods are not run here.
"""

from configs import gap_ntu120
from configs.studies import gap_streams

STUDY = gap_streams.study(
    "GAP, Table 4: NTU RGB+D 120",
    gap_ntu120,
    *gap_streams.rows((85.5, 82.3, 87.5, 82.4, 89.9), "X-Sub"),
    *gap_streams.rows((87.0, 83.9, 88.7, 84.4, 91.1), "X-Set", "xset"),
)
