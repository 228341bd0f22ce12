"""Skeleton data: raw files to TFRecords, and TFRecords to batches. Never imports jax or gapjax.

Each package imports only from those below it:

    convert, verify, pack, show, synthesis.__main__      what can be run
    conversion, checks, drawing                          what these do
    formats                                              files that users already have
    datasets                                             one module a dataset
    synthesis                                            the built-in dataset
    readers                                              batches from converted datasets
    storage                                              the files of converted datasets
    parsers                                              raw files
    specs                                                datasets, skeletons, records
    command, errors                                      what all commands of the project share

`specs.catalog` looks up the modules of datasets and formats by name.
"""
