"""The TensorFlow Datasets builder that writes the records of any dataset as TFRecords."""

import contextlib
import io
import pathlib
from collections.abc import Iterable, Iterator
from types import MappingProxyType

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import writer as tfds_writer
from tensorflow_datasets.proto import tf_example_pb2

from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.record import Record
from data_pipelines.storage import index

# All samples are one split: protocols and zero-shot splits are selections over the index.
SPLIT = "samples"

# tfds sorts large datasets in buckets by the leading bits of 128-bit keys. Keys this far apart
# keep the order of the records and put 8,389 of them in a bucket, so that one fits in memory.
_KEY_STEP = 1 << 105


class _RepeatableWriter(tfds_writer.ExampleWriter):
    """Writes the same bytes for the same records; protobuf's order of keys is random."""

    def write(self, path: str, examples: Iterable[tuple[int, bytes]]) -> None:
        """Write (key, serialized example) pairs to one file."""
        super().write(path, ((key, _with_sorted_keys(example)) for key, example in examples))


def _with_sorted_keys(serialized: bytes) -> bytes:
    example = tf_example_pb2.Example.FromString(serialized)
    return example.SerializeToString(deterministic=True)


class _LocalInfo(tfds.core.DatasetInfo):
    """The metadata that tfds stores; it is not looked up in Google's bucket first."""

    def initialize_from_bucket(self) -> None:
        """Do nothing: the bucket has none of these datasets."""


class SkeletonBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]
):
    """Writes skeleton records as they are: float32, true length, true number of persons.

    Attributes:
        spec: the dataset's metadata.
        records: its samples, read once.
    """

    VERSION = tfds.core.Version(index.VERSION)
    # Nothing is downloaded; without this, tfds needs a package that it does not require.
    url_infos = MappingProxyType({})

    def __init__(self, spec: DatasetSpec, records: Iterable[Record], folder: pathlib.Path) -> None:
        self.name, self.spec, self.records = spec.name, spec, records
        super().__init__(data_dir=folder, file_format="tfrecord")

    def _info(self) -> tfds.core.DatasetInfo:
        return _LocalInfo(
            builder=self,
            description=f"Skeletons of {self.spec.name}, joints of {self.spec.skeleton.name}",
            features=features(self.spec),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager
        return {SPLIT: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        """Yield (key, features) of every record, in order."""
        for position, record in enumerate(self.records):
            yield position * _KEY_STEP, vars(record)

    def _example_writer(self) -> tfds_writer.ExampleWriter:
        return _RepeatableWriter(self.info.file_format)


def features(spec: DatasetSpec) -> tfds.features.FeaturesDict:
    """Return the tfds features of `Record`."""
    shape = (None, None, spec.skeleton.num_joints, spec.coordinates)
    return tfds.features.FeaturesDict(
        {
            "skeleton": tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes"),
            "label": tfds.features.ClassLabel(names=spec.labels),
            "subject": np.int64,
            "camera": np.int64,
            "setup": np.int64,
            "name": tfds.features.Text(),
        }
    )


def write(spec: DatasetSpec, records: Iterable[Record], folder: pathlib.Path) -> None:
    """Write all records as a TensorFlow Datasets dataset: `folder/<name>/<version>/`."""
    tfds.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            SkeletonBuilder(spec, records, folder).download_and_prepare()
    finally:
        logging.set_verbosity(verbosity)
