"""The scalars written for TensorBoard, read by TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorboardX.proto.event_pb2 import Event, SessionLog

from gapjax.workdir.tensorboard import ScalarWriter


def events(folder: Path) -> Iterator[Event]:
    """Yield the events of the files in a folder; TensorFlow verifies their checksums."""
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.iterdir()))):
        yield Event.FromString(record.numpy())


def test_scalars_of_every_step(tmp_path: Path) -> None:
    writer = ScalarWriter(tmp_path / "tensorboard", 4)
    writer.write(5, {"train/loss": 0.5, "eval/top1": 1})
    writer.write(6, {"train/loss": 0.25})
    written = list(events(tmp_path / "tensorboard"))
    writer.close()
    assert written[0].file_version == "brain.Event:2"
    # TensorBoard hides this step and later ones of earlier files.
    assert (written[1].step, written[1].session_log.status) == (5, SessionLog.START)
    scalars = [(e.step, v.tag, v.simple_value) for e in written for v in e.summary.value]
    assert scalars == [(5, "train/loss", 0.5), (5, "eval/top1", 1.0), (6, "train/loss", 0.25)]
    assert all(event.wall_time > 1.7e9 for event in written)
