"""One file per experiment; variants follow a colon: `configs/gap_ucla.py:quick,bone`."""
