"""One module a dataset: its facts (`SPEC`) and the reader of its raw files (`records`)."""
