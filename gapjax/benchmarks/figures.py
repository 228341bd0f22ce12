"""The figures of runs, by name and unit, from times of their parts that take turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from gapjax.benchmarks import machine, parts
from gapjax.benchmarks.timing import compilations, in_turns, ratio
from gapjax.training.run import Run

# What is timed → the function that makes the call of a run and its text.
TIMED: Mapping[str, Callable[[Run, Any], Callable[[], Any]]] = {
    "train": parts.Training,
    "inference": parts.inference,
    "feed": parts.feeding,
}
# The feed is fast and its times vary, so that it is timed over at least so many steps.
FEED_STEPS = 50

Figures = dict[str, Any]


def measure(
    runs: Sequence[Run], precisions: Sequence[str], what: Sequence[str], steps: int
) -> list[Figures]:
    """Return the figures of each run; if there are two, how many times faster the first is, too.

    Args:
        runs: one or two, whose steps take turns.
        precisions: what each computes in, `float32` or `bfloat16`.
        what: names in `TIMED`.
        steps: how many steps of each kind are timed.
    """
    found: list[Figures] = [
        {
            "device": f"{jax.devices()[0].device_kind} x {run.layout.mesh.size}",
            "batch": run.order.batch_size,
        }
        for run in runs
    ]
    texts = [run.layout.replicate(run.method.prepare_text()) for run in runs]
    for name in (name for name in TIMED if name in what):
        calls = [TIMED[name](run, text) for run, text in zip(runs, texts, strict=True)]
        in_turns(calls, 1)
        with compilations() as compiled:
            times = in_turns(calls, max(steps, FEED_STEPS if name == "feed" else 0))
        for figures, run, call, taken in zip(found, runs, calls, times, strict=True):
            seconds = statistics.median(taken)
            figures[f"{name}_samples_per_sec"] = run.order.batch_size / seconds
            figures[f"{name}_step_ms"] = 1e3 * seconds
            if isinstance(call, parts.Training):
                figures |= {**work(run, call.cost, seconds), "recompilations": len(compiled)}
        if len(runs) > 1:
            found[0][f"{name}_times_faster"] = ratio(*times)
    for figures, run, precision in zip(found, runs, precisions, strict=True):
        figures |= shares(figures, run, precision)
    return found


def work(run: Run, cost: dict[str, float], seconds: float) -> Figures:
    """Return what a training step computes and moves, as the compiler counts it.

    Args:
        run: the run.
        cost: the compiler's count of one device and its part of the batch.
        seconds: how long a step takes.
    """
    devices, batch = run.layout.mesh.size, run.order.batch_size
    gflop = cost.get("flops", float("nan")) * devices / 1e9
    mb = cost.get("bytes accessed", float("nan")) * devices / 1e6
    return {
        "train_gflop_per_sample": gflop / batch,
        "train_mb_moved_per_sample": mb / batch,
        "train_gflop_per_sec": gflop / seconds,
        "train_gb_moved_per_sec": mb / seconds / 1e3,
    }


def shares(figures: Figures, run: Run, precision: str) -> Figures:
    """Return what the devices do at best, and the share of it that a training step reaches."""
    found: Figures = {}
    if "feed_step_ms" in figures and "train_step_ms" in figures:
        found["feed_share_of_step"] = figures["feed_step_ms"] / figures["train_step_ms"]
    if "train_step_ms" in figures:
        matmul = machine.matmul_gflop_per_sec(run.layout, precision)
        copy = machine.copy_gb_per_sec(run.layout)
        found |= {
            "matmul_gflop_per_sec": matmul,
            "copy_gb_per_sec": copy,
            "train_share_of_matmul": figures["train_gflop_per_sec"] / matmul,
            "train_share_of_copy": figures["train_gb_moved_per_sec"] / copy,
        }
    return found
