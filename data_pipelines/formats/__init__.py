"""One module a form in which users already have data, whose metadata is in the files themselves.

    WANTED                  what `--raw` takes, for messages
    open_raw(raw, name)     -> RawDataset: the spec of the dataset, called `name`, and its items
    read(item)              -> Iterable: the `Record`s of an item, and a `LeftOut` for what has no
                            sample; `FileError` where the item cannot be used

As of `data_pipelines.datasets`, items are plain values with a descriptive `str` and `repr`. What is
converted carries its metadata in `dataset.yaml` (`data_pipelines.specs.spec_file`).
"""
