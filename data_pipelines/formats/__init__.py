"""One module a form in which users already have data; what the data are, their files say.

    WANTED                      what `--raw` takes, for messages
    found(raw, name) -> Found   the facts of the dataset, which is called `name`, and its items
    read(item) -> Iterable      the `Record`s of an item, and a `LeftOut` for what has no sample;
                                `FileError` where the item cannot be used

As of `data_pipelines.datasets`, items are plain values with a telling `str` and `repr`. What is
converted carries its facts in `dataset.yaml` (`data_pipelines.specs.spec_file`).
"""
