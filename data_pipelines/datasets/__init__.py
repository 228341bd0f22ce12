"""One module a dataset: its metadata, what its raw files hold, and how one of these is read.

    SPEC: DatasetSpec
    items(raw) -> Sequence      what can be read by itself: files, videos; cheap, and in order
    read(item) -> Iterable      the `Record`s of an item, and a `LeftOut` for what has no sample;
                                `FileError` where the item cannot be used

`raw` is what `--raw` names, or None. Items are read in other processes, so they are plain values;
their `str` is what messages call them, and their `repr` changes with what they hold.
"""
