"""One module for each dataset, with its metadata and how its raw files are read.

    SPEC: DatasetSpec
    items(raw) -> Sequence      what is read separately, in order: files, videos
    read(item) -> Iterable      the `Record`s of an item, and a `LeftOut` for each recording that
                                has no sample; `FileError` if the item cannot be used

`raw` is the path of `--raw`; None for a built-in dataset. Items are read in other processes, so
they are plain values; messages name them by their `str`, and their `repr` changes with their files.
"""
