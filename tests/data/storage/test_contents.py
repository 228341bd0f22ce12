"""The digest of coordinates: of what a feed reads, wherever that lies."""

import hashlib
import pathlib
import re
import shutil

import numpy as np
import pytest

from configs import star_demo
from data_pipelines.errors import DataError
from data_pipelines.specs.skeletons import NTU25
from data_pipelines.storage import contents, tfrecord
from data_pipelines.storage.index import Index
from gapjax.backbones import shift_gcn
from gapjax.experiment import build
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.stages import Upstream, stages
from gapjax.training import feature_cache
from gapjax.training.feature_cache import Source
from gapjax.training.frozen_encoder import Encoder
from support import tiny_dataset


def turn(directory: pathlib.Path) -> None:
    """Turn the first axis of all records of a converted dataset the other way."""
    tf = tfrecord.tensorflow()
    for shard in directory.glob("*/*.tfrecord-*"):
        stored = list(tf.data.TFRecordDataset(str(shard)).as_numpy_iterator())
        with tf.io.TFRecordWriter(str(shard)) as file:
            for serialized in stored:
                example = tf.train.Example.FromString(serialized)
                (value,) = example.features.feature["skeleton/value"].bytes_list.value
                turned = np.frombuffer(value, "<f4").reshape(-1, 3) * np.float32([-1, 1, 1])
                example.features.feature["skeleton/value"].bytes_list.value[0] = turned.tobytes()
                file.write(example.SerializeToString(deterministic=True))


def digest(directory: pathlib.Path, packed: bool = False) -> str:
    return contents.digest(directory, Index.load(directory), packed)


def test_it_is_of_coordinates_alone(tiny: pathlib.Path, tiny_copy: pathlib.Path) -> None:
    """Facts, files and the place are of no account; feeds and machines agree."""
    frames = [
        sample.skeleton[:, body].tobytes()
        for sample in tiny_dataset.samples()
        for body in range(sample.skeleton.shape[1])
    ]
    moved = tiny_dataset.in_two_shards(tiny, tiny_copy.with_name("moved"))
    packed = digest(tiny_copy, packed=True)
    assert {digest(tiny), digest(moved), digest(tiny_copy)} == {packed}
    assert packed == hashlib.sha256(b"".join(frames)).hexdigest()
    shutil.rmtree(tiny_copy / "1.0.0")
    assert digest(tiny_copy, packed=True) == packed


def test_other_coordinates_under_the_same_facts(
    tiny: pathlib.Path, tiny_copy: pathlib.Path
) -> None:
    """As after a conversion with an axis the other way."""
    before = digest(tiny_copy), digest(tiny_copy, packed=True)
    turn(tiny_copy)
    assert Index.load(tiny_copy).digest == Index.load(tiny).digest
    # The pack is still of the records that were there: so would be what is computed from it.
    assert digest(tiny_copy, packed=True) == before[1]
    shutil.rmtree(tiny_copy / "pack")
    after = digest(tiny_copy), digest(tiny_copy, packed=True)
    assert after[0] == after[1] != before[0]


@pytest.mark.parametrize("packed", [False, True])
def test_files_are_read_once(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    first = digest(tiny_copy, packed)
    monkeypatch.setattr(contents, "hashlib", None)
    assert digest(tiny_copy, packed) == first


def test_a_file_that_is_gone_or_damaged(tiny_copy: pathlib.Path) -> None:
    index, (shard,) = Index.load(tiny_copy), tiny_copy.glob("*/*.tfrecord-*")
    content = bytearray(shard.read_bytes())
    content[-30] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"is cut or altered after byte \d+; convert again"):
        contents.digest(tiny_copy, index, packed=False)
    shard.unlink()
    with pytest.raises(DataError, match=f"{re.escape(str(shard))}: is gone; when it is back"):
        contents.digest(tiny_copy, index, packed=False)


@pytest.mark.parametrize("feed", ["resident", "stream"])
def test_features_of_other_coordinates_have_another_name(
    data: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, feed: str
) -> None:
    """What was cached is not taken for them; a fold and the run itself share theirs."""
    folder, names = tmp_path / "synthetic", []
    shutil.copytree(data / "synthetic", folder, ignore=shutil.ignore_patterns("pack"))

    def prepare(source: Source, items: np.ndarray, *_: object) -> np.ndarray:
        names.append(source.digest(items))
        return np.zeros((len(items), 1, 25, 1), np.float32)

    monkeypatch.setattr(feature_cache, "prepare", prepare)
    backbone = shift_gcn.Backbone(NTU25, width=8, stages=(1,))
    monkeypatch.setattr(build, "load_encoder", lambda *_: Encoder(backbone, {}))
    config = star_demo.get_config("smoke,shift_gcn")
    config.data.dir, config.data.feed = str(tmp_path), feed
    _, fold, last = stages(plan_of(config), tmp_path / "run")
    for stage in (fold, last):
        build.build(stage.plan, Upstream())
    turn(folder)
    shutil.rmtree(folder / "pack", ignore_errors=True)
    build.build(last.plan, Upstream())
    assert names[0] == names[1] != names[2]
