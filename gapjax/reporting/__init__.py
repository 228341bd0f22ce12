"""The page of `python -m gapjax.report`: its data in Python, what shows them in `page/`.

Every number is computed here. The page's JavaScript draws, sorts and looks up; it computes no
metric.
"""
