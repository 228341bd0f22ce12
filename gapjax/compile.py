"""Compile for devices that are not here: `python -m gapjax.compile --config=X --topology=v5e:2x4`.

Compiles the training step of each stage of a run, and prints the compiler's figures: arithmetic,
memory traffic, kernels by kind, the largest buffers, the memory of a chip, and what chips send one
another. Nothing is run or timed.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
from absl import flags

from data_pipelines.errors import UserError
from gapjax.experiment import abstract, command_line, platform
from gapjax.experiment.abstract import Size
from gapjax.experiment.stage_flag import selected
from gapjax.experiment.stages import Stage, stages
from gapjax.inputs.present import fullest
from gapjax.parallel.hlo import collectives
from gapjax.parallel.kernels import by_kind, kernels_of, largest_buffers
from gapjax.parallel.sharding import shape_layout
from gapjax.parallel.topology import open_topology
from gapjax.training import loop
from gapjax.training.run import Run

_TOPOLOGY = flags.DEFINE_string(
    "topology",
    "v5e:2x4",
    "The devices: v5e:2x4, v6e:16x16, h100:8, h100:2x8, a100:8, b200:8, cpu:8.",
)
_JSON = flags.DEFINE_string("json", "", "The file to write the figures to.")
_FRAMES = flags.DEFINE_integer(
    "frames", Size.longest, "Frames of the longest sample, if the data are not here.", lower_bound=1
)
_MEAN_FRAMES = flags.DEFINE_integer(
    "mean_frames", Size.mean, "Frames of all bodies of a mean sample, likewise.", lower_bound=1
)
_BODIES = flags.DEFINE_float(
    "bodies", Size.bodies, "Mean persons of a sample, likewise; 0 for all.", lower_bound=0
)

# How many of the largest buffers are listed.
_BUFFERS = 10
# Bytes of a megabyte.
_MB = 1e6


def compile_step(run: Run) -> jax.stages.Compiled:
    """Return the compiled training step of a run of shapes, the largest where steps vary.

    Raises:
        UserError: it does not fit into a chip's memory.
    """
    text = run.layout.replicate(run.method.prepare_text())
    feed, batches = fullest(run.feed), run.order.batches(0, 1)
    request = next(iter(feed.requests(batches, 0, [1])))
    state = loop.state_shapes(run)
    lowered = loop.make_dispatch(run, state).lower(state, run.feed.store, request, text)
    try:
        return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"the step does not fit into a chip's memory: {reason}") from error


def memory(step: jax.stages.Compiled) -> dict[str, float]:
    """Return the megabytes that a step needs on one chip, by purpose."""
    sizes = step.memory_analysis()
    parts = {
        "arguments": sizes.argument_size_in_bytes,
        "results": sizes.output_size_in_bytes - sizes.alias_size_in_bytes,
        "temporary": sizes.temp_size_in_bytes,
        "program": sizes.generated_code_size_in_bytes,
    }
    return {name: size / _MB for name, size in (*parts.items(), ("total", sum(parts.values())))}


def program_of(step: jax.stages.Compiled) -> str | None:
    """Return the text of a compiled step; None if it cannot be read here."""
    try:
        return step.as_text()
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        print(
            f"jax {jax.__version__} cannot read what libtpu compiled ({reason}), so that "
            "collectives and kernels are unknown; another version of either may read them",
            file=sys.stderr,
        )
        return None


def program_figures(program: str | None) -> dict[str, Any]:
    """Return what the text of a program says of one chip, by name; nothing without a text."""
    if program is None:
        return {}
    sent, found = collectives(program), kernels_of(program)
    done, buffers = by_kind(found), largest_buffers(found, _BUFFERS)
    return {
        "chip_kernels_per_step": sum(kind.count for kind in done.values()),
        "chip_collectives_per_step": {kind: asdict(each) for kind, each in sent.items()},
        "chip_kernels": {
            kind: {"count": each.count, "mb": each.bytes / _MB} for kind, each in done.items()
        },
        "chip_largest_buffers": {
            kind: {"count": each.count, "mb": each.bytes / _MB, "padding": each.padding}
            for kind, each in buffers.items()
        },
    }


def figures(run: Run, step: jax.stages.Compiled) -> dict[str, Any]:
    """Return the compiler's figures of a step, by name and unit."""
    batch, chips = run.order.batch_size, run.layout.mesh.size
    found = program_figures(program_of(step))
    # The compiler for GPUs counts nothing: its program is counted here, without operations.
    cost = step.cost_analysis() or {}
    done = found.get("chip_kernels")
    counted = None if done is None else sum(kind["mb"] for kind in done.values())
    moved = cost["bytes accessed"] / _MB if cost else counted
    sent = found.get("chip_collectives_per_step")
    sent_mb = None if sent is None else sum(each["bytes"] for each in sent.values()) / _MB
    # The compiler's figures are of one chip; figures per sample are of all chips together, so that
    # work that the chips of a `model` axis repeat counts each time.
    per_sample = chips / batch
    gflop = cost.get("flops", 0.0) / 1e9
    operations = {"train_gflop_per_sample": gflop * per_sample, "chip_gflop_per_step": gflop}
    return {
        "device": run.layout.mesh.devices.flat[0].device_kind,
        "chips": chips,
        "batch": batch,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(loop.state_shapes(run).params)),
        **(operations if cost else {}),
        "train_mb_moved_per_sample": moved and moved * per_sample,
        "collective_mb_per_sample": sent_mb and sent_mb * per_sample,
        "chip_mb_moved_per_step": moved,
        "chip_memory_mb": memory(step),
        **found,
        "stored_frames": abstract.stored_frames(run.index),
    }


def measure(stage: Stage, devices: Sequence[jax.Device], size: Size) -> dict[str, Any]:
    """Return the figures of one stage."""
    layout = shape_layout(devices, stage.plan.mesh.model, stage.plan.mesh.rules)
    run = abstract.build(stage.plan, layout, size)
    start = time.perf_counter()
    step = compile_step(run)
    seconds = time.perf_counter() - start
    return {**figures(run, step), "compile_seconds": seconds, "jax": jax.__version__}


def table(values: dict[str, Any], indent: str = "") -> list[str]:
    """Return figures as lines; groups are indented."""
    lines = []
    for name, value in values.items():
        label = f"{indent}{name}"
        if isinstance(value, dict):
            lines += [label, *table(value, indent + "  ")]
        else:
            lines.append(f"{label:28s} {f'{value:,.3f}' if isinstance(value, float) else value}")
    return lines


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    del argv
    # First: it chooses the platform, which cannot be changed once JAX has opened a device.
    devices = open_topology(_TOPOLOGY.value)
    plan = platform.settle(command_line.plan(), devices[0].platform)
    size, rows = Size(_FRAMES.value, _MEAN_FRAMES.value, _BODIES.value), []
    for name, stage in selected(stages(plan, Path())).items():
        row = {"stage": name, "topology": _TOPOLOGY.value, **measure(stage, devices, size)}
        print("\n".join(table(row)), flush=True)
        rows.append(row)
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    command_line.run(main)
