"""What TensorBoard is given, read by TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorboardX.proto.event_pb2 import Event, SessionLog

from gapjax.workdir.tensorboard import Board


def events(folder: Path) -> Iterator[Event]:
    """Yield the events of the files of a folder, whose checksums TensorFlow checks."""
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.iterdir()))):
        yield Event.FromString(record.numpy())


def test_scalars_of_every_step(tmp_path: Path) -> None:
    board = Board(tmp_path / "tensorboard", 4)
    board.write(5, {"train/loss": 0.5, "eval/top1": 1})
    board.write(6, {"train/loss": 0.25})
    there = list(events(tmp_path / "tensorboard"))
    board.close()
    assert there[0].file_version == "brain.Event:2"
    # TensorBoard drops what earlier files say of this step and of later ones.
    assert (there[1].step, there[1].session_log.status) == (5, SessionLog.START)
    found = [(e.step, each.tag, each.simple_value) for e in there for each in e.summary.value]
    assert found == [(5, "train/loss", 0.5), (5, "eval/top1", 1.0), (6, "train/loss", 0.25)]
    assert all(event.wall_time > 1.7e9 for event in there)
