"""`gapjax.compile`: the step of a run without its data, for devices that are not here."""

import copy
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from configs import gap_demo, gap_ucla, star_demo, star_ntu60
from data_pipelines.errors import UserError
from gapjax.compile import compile_step, program_figures, program_of, table
from gapjax.experiment import abstract
from gapjax.experiment.abstract import Size
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import choose, plan_of
from gapjax.experiment.stages import named_stages, stages
from gapjax.parallel import topology
from gapjax.parallel.hlo import collectives
from gapjax.parallel.sharding import shape_layout
from gapjax.parallel.topology import has_cuda, has_libtpu
from gapjax.training import loop
from gapjax.training.run import Run
from support.commands import ROOT, assert_one_line
from support.small_text_models import save_bert

pytestmark = pytest.mark.slow

TINY = (
    *("--config.backbone.width=8", "--config.backbone.stages=(1,)", "--config.clips.window=8"),
    "--noconfig.data.stand_in",
    # Without text, of which a step sends less than the gradients of all parameters.
    *("--config.method.partition=none", "--config.method.persons=present"),
)


@pytest.fixture
def run_compile(environment: dict[str, str]):  # noqa: ANN201
    """Return the public command in another process: exit status, stdout, stderr."""

    def run(
        *flags: str, config: str = "gap_demo.py:smoke", **variables: str
    ) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "gapjax.compile", f"--config=configs/{config}", *flags]
        streams = {"capture_output": True, "text": True, "timeout": 600}
        done = subprocess.run(command, cwd=ROOT, env=environment | variables, **streams)
        return done.returncode, done.stdout, done.stderr

    return run


def check_figures(path: Path, chips: int) -> None:
    """Assert what holds of every data-parallel step."""
    (figures,) = json.loads(path.read_text())
    assert (figures["chips"], figures["batch"]) == (chips, 48)
    reduced = figures["chip_collectives_per_step"]["all-reduce"]
    # The gradients of all parameters, the moments of batches, and a few scalars.
    assert 4 * figures["parameters"] <= reduced["bytes"] < 8 * figures["parameters"] + 1e6
    assert figures["train_mb_moved_per_sample"] > 0
    assert len(figures["chip_largest_buffers"]) == 10
    memory = figures["chip_memory_mb"]
    assert memory["total"] == pytest.approx(sum(memory.values()) / 2)
    assert memory["total"] > memory["arguments"] > 0


def test_for_the_cpu(run_compile, tmp_path: Path) -> None:  # noqa: ANN001
    """Without JAX's cache of programs: nothing is kept."""
    flags = ("--topology=cpu:2", f"--json={tmp_path}/a.json", f"--config.data.dir={tmp_path}")
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    status, out, err = run_compile(*flags, *TINY, "--nocompilation_cache", **cache)
    assert (status, err) == (0, "")
    assert not (tmp_path / "cache").exists()
    assert "all-reduce" in out
    check_figures(tmp_path / "a.json", 2)


def test_for_a_tpu_slice(run_compile, tmp_path: Path) -> None:  # noqa: ANN001
    if not has_libtpu():
        pytest.skip("libtpu is not installed: pip install 'gapjax[tpu]'")
    flags = ("--topology=v5e:2x4", f"--json={tmp_path}/a.json", f"--config.data.dir={tmp_path}")
    status, _, err = run_compile(*flags, *TINY)
    assert status == 0, err
    check_figures(tmp_path / "a.json", 8)


@pytest.mark.parametrize(
    ("config", "stage", "topology"),
    [("gap_demo.py:smoke", "gap", "h100:2x8"), ("star_demo.py:smoke", "star", "a100:8")],
)
def test_for_gpus(run_compile, tmp_path: Path, config: str, stage: str, topology: str) -> None:  # noqa: ANN001
    """A step of GAP on two hosts, and one of STAR on one."""
    if not has_cuda():
        pytest.skip("the CUDA plugin is not installed: pip install 'gapjax[cuda]'")
    flags = (f"--topology={topology}", f"--stage={stage}", f"--json={tmp_path}/a.json")
    batch = ("--config.train.batch_size=48", f"--config.data.dir={tmp_path}")
    status, _, err = run_compile(*flags, *batch, "--noconfig.data.stand_in", config=config)
    assert status == 0, err
    (figures,) = json.loads((tmp_path / "a.json").read_text())
    assert figures["chips"] == (16 if stage == "gap" else 8)
    # STAR's devices all compute what is of texts alone.
    least = 4 * figures["parameters"] if stage == "gap" else 1
    assert figures["chip_collectives_per_step"]["all-reduce"]["bytes"] >= least
    assert figures["train_mb_moved_per_sample"] > 0
    assert any(kind.startswith("fusion") for kind in figures["chip_kernels"])


# A run of shapes, and its step.
Compiled = tuple[Run, jax.stages.Compiled]
# Config, and the stage of it that is compiled.
STEPS = {
    "gap": (gap_demo.get_config("smoke"), "gap"),
    "ctr_gcn": (star_demo.get_config("smoke"), "encoder"),
    "shift_gcn": (star_demo.get_config("smoke,shift_gcn"), "encoder"),
    "star": (star_demo.get_config("smoke"), "star"),
    "star, split": (star_demo.get_config("smoke,split_weights"), "star"),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Compiled]:
    """Return the function that compiles one of `STEPS` for some CPU devices, each once."""
    folder = tmp_path_factory.mktemp("steps")
    bert = save_bert(folder / "bert", num_attention_heads=2, num_hidden_layers=1)

    @functools.cache
    def get(name: str, devices: int) -> Compiled:
        config, stage = copy.deepcopy(STEPS[name])
        config.data.dir, config.data.stand_in = str(folder), False
        # Long enough that the work of samples, not of parameters, is most of it.
        config.clips.window = 16
        if name == "gap":
            config.text.encoder, config.text.checkpoint = "bert", bert
            config.text.too_long = "truncate"
        if name == "shift_gcn":
            config.encoder.person_merge = "present"
        plan = named_stages(stages(plan_of(config), Path()))[stage].plan
        layout = shape_layout(jax.devices()[:devices], rules=plan.mesh.rules)
        run = abstract.build(plan, layout, Size())
        return run, compile_step(run)

    return get


@pytest.mark.parametrize("name", ["gap", "ctr_gcn", "shift_gcn", "star"])
def test_devices_send_no_samples(compiled: Callable[[str, int], Compiled], name: str) -> None:
    """Gradients and moments are summed; what is of one sample stays on its device."""
    run, step = compiled(name, 8)
    sent = dict(collectives(step.as_text()))
    shapes = loop.state_shapes(run)
    kept = sum(leaf.size for leaf in jax.tree.leaves((shapes.params, shapes.batch_stats)))
    # A gradient of each parameter, and of each statistic two moments, forward and back.
    assert 0 < sent.pop("all-reduce").bytes < 4 * 4 * kept + 1000
    # The numbers and embeddings of the strings, and the matrix of the contrastive loss.
    assert sum(traffic.bytes for traffic in sent.values()) < 10_000, sent


@pytest.mark.parametrize("name", ["gap", "ctr_gcn", "shift_gcn", "star, split"])
def test_devices_share_all_work(compiled: Callable[[str, int], Compiled], name: str) -> None:
    """Eight do an eighth each; besides, the optimizer's few operations a parameter."""
    alone, shared = (compiled(name, devices)[1].cost_analysis() for devices in (1, 8))
    assert 7.7 < alone["flops"] / shared["flops"] <= 8


def test_mistakes_are_one_line(run_compile) -> None:  # noqa: ANN001
    assert_one_line(run_compile("--topology=cpu:1", "--stage=fold1"), "(there are: gap)")


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.dataset = str(tmp_path), "ntu61"
    with pytest.raises(UserError, match="did you mean 'ntu60'"):
        abstract.build(plan_of(config), shape_layout(jax.devices()), Size())


WRONG = {
    "tpu": "write e.g. v5e:2x4",
    "v5e": "write e.g. v5e:2x4",
    "cpu:none": "how many devices",
    "h100:2x": "hosts x GPUs",
    "h100:1x2x8": "hosts x GPUs",
}


@pytest.mark.parametrize("name", WRONG)
def test_names_that_are_no_topology_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=WRONG[name]):
        topology.open_topology(name)


@pytest.mark.parametrize(
    ("name", "extra", "installed"),
    [("v5e:2x4", "tpu", has_libtpu()), ("b200:8", "cuda", has_cuda())],
)
def test_without_a_compiler_it_says_how_to_get_it(name: str, extra: str, installed: bool) -> None:
    if installed:
        pytest.skip("it is installed")
    with pytest.raises(UserError, match=rf"pip install 'gapjax\[{extra}\]'"):
        topology.open_topology(name)


@pytest.mark.skipif("not has_libtpu()", reason="libtpu is not installed: pip install 'gapjax[tpu]'")
@pytest.mark.parametrize("name", ["v5e:3x3", "v99:2x4"])
def test_topologies_that_libtpu_does_not_know(run_compile, name: str) -> None:  # noqa: ANN001
    assert_one_line(run_compile(f"--topology={name}"), "libtpu does not know it")


def test_flags_for_other_backends_are_kept_from_libtpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the process at a flag that it does not know."""
    flags = "--xla_cpu_x=1 --xla_dump_to=a --xla_gpu_y=2"
    monkeypatch.setattr(os, "environ", {"XLA_FLAGS": flags})
    monkeypatch.setattr(topology, "has_libtpu", lambda: True)
    seen = []

    def describe(platform: str, topology_name: str) -> SimpleNamespace:
        """Note the flags instead of asking libtpu."""
        seen.append((platform, topology_name, os.environ["XLA_FLAGS"]))
        return SimpleNamespace(devices=jax.devices())

    monkeypatch.setattr(topology.topologies, "get_topology_desc", describe)
    assert topology.open_topology("v5e:2x4") == jax.devices()
    assert seen == [("tpu", "v5e:2x4", "--xla_dump_to=a")]


def test_a_tpu_never_copies_the_resident_frames(tmp_path: Path) -> None:
    """In another process: what a batch reads does not depend on the size of the store."""
    if not has_libtpu():
        pytest.skip("libtpu is not installed: pip install 'gapjax[tpu]'")
    command = [sys.executable, "-c", GATHER]
    environment = os.environ | {"XLA_FLAGS": ""}
    streams = {"capture_output": True, "text": True, "timeout": 600, "check": False}
    done = subprocess.run(command, cwd=ROOT, env=environment, **streams)
    assert done.returncode == 0, done.stderr
    moved, kept = json.loads(done.stdout.splitlines()[-1])
    assert kept < 1e6
    assert moved < 50e6, "the store has 300 MB"


GATHER = """
import json, jax
from configs import gap_ntu60
from gapjax.experiment import abstract
from gapjax.experiment.abstract import Size
from gapjax.experiment.config_dict import plan_of
from gapjax.parallel.sharding import shape_layout
from gapjax.parallel.topology import open_topology
config = gap_ntu60.get_config("no_text")
config.data.dir = "/nowhere"
feed = abstract.build(plan_of(config), shape_layout(open_topology("v5e:2x4")), Size(300, 18)).feed
request = next(iter(feed.requests(__import__("numpy").zeros((1, 48), int), 0, [1])))
one = lambda store, request: feed.load(store, jax.tree.map(lambda leaf: leaf[0], request)).frames
step = jax.jit(one).lower(feed.store, request).compile()
sizes = step.memory_analysis()
print(json.dumps([step.cost_analysis()["bytes accessed"], sizes.temp_size_in_bytes]))
"""


@pytest.mark.parametrize("feed", ["resident", "stream"])
def test_shapes_are_those_of_the_real_run(data: Path, feed: str) -> None:
    """The state, the store and the requests of a converted dataset, by shapes and by arrays."""
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.feed = str(data), feed
    real = build(plan_of(config))
    layout = shape_layout(jax.devices())
    drawn = abstract.build(plan_of(config), layout, Size())
    requests = [
        next(iter(run.feed.requests(real.order.batches(0, 1), 0, [1]))) for run in (real, drawn)
    ]
    states = (loop.initial_state(real), loop.state_shapes(drawn))
    for one, other in ((real.feed.store, drawn.feed.store), requests, states):
        assert jax.tree.map(_kind, one) == jax.tree.map(_kind, other)


def _kind(leaf: jax.Array | jax.ShapeDtypeStruct) -> tuple:
    return leaf.shape, leaf.dtype, leaf.sharding


def test_samples_that_are_not_here_are_as_many_as_the_papers_count(tmp_path: Path) -> None:
    config = star_ntu60.get_config()
    config.data.dir = str(tmp_path)
    config.data.zero_shot = ""
    choose(config, "method", "supervised")
    dataset = abstract.describe_dataset(plan_of(config), Size(longest=300, mean=70))
    assert len(dataset.problem.train) == 40091
    assert len(dataset.problem.evaluations["test"]) == 16487
    assert dataset.index.frames.max() == 300
    assert abstract.stored_frames(dataset.index) == 70 * 56578 + 2 * (300 - 35)


def test_the_stages_of_a_zero_shot_run(tmp_path: Path) -> None:
    config = star_ntu60.get_config()
    config.data.dir = str(tmp_path)
    named = named_stages(stages(plan_of(config), Path()))
    assert list(named) == ["encoder", "star"]
    layout = shape_layout(jax.devices())
    run = abstract.build(named["star"].plan, layout, Size())
    # Features of 64 frames, of which a quarter is left, of 25 joints in 256 channels.
    assert run.clip_shape == (16, 25, 256)
    state = loop.state_shapes(run)
    assert all(leaf.sharding == layout.replicated for leaf in jax.tree.leaves(state.params))


def test_fresh_features_are_of_an_encoder_within_the_step(tmp_path: Path) -> None:
    config = star_ntu60.get_config("released")
    config.data.dir = str(tmp_path)
    layout = shape_layout(jax.devices())
    run = abstract.build(plan_of(config), layout, Size())
    assert run.clip_shape == (2, 64, 25, 3)
    assert jax.tree.leaves(loop.state_shapes(run).batch_stats)


def test_batches_that_cannot_be_split_are_refused() -> None:
    config = gap_ucla.get_config()
    config.train.batch_size = 65
    layout = shape_layout(jax.devices())
    with pytest.raises(UserError, match=r"65 cannot be split .* 8 as train\.batch_size"):
        abstract.build(plan_of(config), layout, Size())


def test_a_program_that_jax_cannot_read_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As jax 0.10 some of those that libtpu 0.0.52 compiles for v6e."""

    def unreadable(_: jax.stages.Compiled) -> str:
        raise jax.errors.JaxRuntimeError("INTERNAL: async-update\nstack")

    step = jax.jit(jax.numpy.sin).lower(1.0).compile()
    monkeypatch.setattr(type(step), "as_text", unreadable)
    assert program_of(step) is None
    assert program_figures(None) == {}
    message = capsys.readouterr().err
    assert "cannot read what libtpu compiled (INTERNAL: async-update), so that" in message
    assert message.count("\n") == 1


def test_table() -> None:
    assert table({"a": 1, "b": {"c": 1234.5}}) == [f"{'a':28s} 1", "b", f"{'  c':28s} 1,234.500"]
