"""GAP (ICCV 2023), Table 3: four streams and their ensemble on NTU RGB+D.

Data:     python -m data_pipelines.convert ntu60 --raw=nturgbd_skeletons_s001_to_s017.zip --out=data
Command:  python -m gapjax.study configs/studies/gap_table3.py --workdir=runs/gap_table3 --seeds=5

The paper's numbers are means of five runs (4.4). The rows of other methods are not run here.
"""

from configs import gap_ntu60
from configs.studies import gap_streams

STUDY = gap_streams.study(
    "GAP, Table 3: NTU RGB+D",
    gap_ntu60,
    *gap_streams.rows((90.2, 88.0, 91.2, 87.8, 92.9), "X-Sub"),
    *gap_streams.rows((95.6, 93.7, 95.5, 93.2, 97.0), "X-View", "xview"),
)
