"""`gapjax.bench`: figures per sample do not depend on the devices."""

from pathlib import Path

import pytest

from configs import gap_demo
from gapjax import bench
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.training.run import Run


def test_work_of_a_sample(data: Path) -> None:
    alone, both = (small_run(data, devices) for devices in (1, 2))
    figures = bench.measure(both, steps=1)
    _, cost = bench.time_training(alone, alone.method.prepare_text(), steps=1)
    by_sample = cost["flops"] / alone.order.batch_size / 1e9
    assert figures["train_gflop_per_sample"] == pytest.approx(by_sample, rel=0.1)
    assert figures["train_samples_per_sec"] > 0 < figures["feed_samples_per_sec"]
    assert figures["device"] == "cpu x 2"


def small_run(data: Path, devices: int) -> Run:
    config = gap_demo.get_config("smoke,no_text")
    config.data.dir, config.mesh.devices = str(data), devices
    config.backbone.width, config.clips.window = 8, 8
    return build(plan_of(config))
