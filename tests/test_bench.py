"""`gapjax.bench`: what is told of a sample does not depend on the devices."""

from pathlib import Path

import pytest

from configs import gap_demo
from gapjax import bench, experiment


def test_work_of_a_sample(data: Path) -> None:
    found = []
    for devices in (1, 2):
        config = gap_demo.get_config("smoke,no_text")
        config.data.dir, config.mesh.devices = str(data), devices
        config.backbone.width, config.clips.window = 4, 8
        found.append(bench.measure(experiment.build(config), steps=1))
    one, two = found
    assert one["train_gflop_per_sample"] == pytest.approx(two["train_gflop_per_sample"], rel=0.1)
    assert all(each["train_samples_per_sec"] > 0 < each["feed_samples_per_sec"] for each in found)
    assert [each["device"] for each in found] == ["cpu x 1", "cpu x 2"]
