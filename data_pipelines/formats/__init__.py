"""One module for each format of files that users already have and that contain their metadata.

    WANTED                  what `--raw` takes, for messages
    open_raw(raw, name)     -> RawDataset: the spec of the dataset, called `name`, and its items
    read(item)              -> Iterable: as in `data_pipelines.datasets`

Converted datasets carry their metadata in `dataset.yaml` (`data_pipelines.specs.spec_file`).
"""
