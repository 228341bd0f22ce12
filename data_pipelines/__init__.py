"""Skeleton data: raw files to TFRecords, TFRecords to batches. It imports neither jax nor gapjax.

Each package imports only from those below it:

    convert, verify, pack, show, synthesis.__main__      what can be run
    conversion, checks, drawing                          what these do
    formats, readers                                     files that users have; batches
    datasets                                             one module for each dataset
    synthesis, storage                                   the built-in dataset; converted files
    parsers                                              raw files
    specs                                                datasets, skeletons, records
    __init__                                             interruptions while modules are imported
    command                                              what all commands share
    errors                                               expected errors, their exit statuses

`specs.catalog` looks up the modules of datasets and formats by name.
"""

from data_pipelines import command

command.expect_interruptions()
