"""The tables of the papers as studies: python -m gapjax.study configs/studies/NAME.py."""
