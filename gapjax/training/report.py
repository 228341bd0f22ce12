"""The results of a run in words and numbers: the lines that are printed, and those of the log."""

import jax

from gapjax.training.run import Run
from gapjax.workdir.log import Logbook
from gapjax.workdir.scores import Scores


def report(run: Run, results: dict[str, Scores]) -> None:
    """Print the result line of every evaluation, with all that a number must be told with.

    Only the first host of several prints.
    """
    if jax.process_index():
        return
    facts = ", ".join(f"{name} {value}" for name, value in run.facts.items())
    for name, scores in results.items():
        numbers = run.summarize(name, scores)
        shown = ", ".join(f"{key} {_shown(key, value)}" for key, value in numbers.items())
        print(f"{shown} ({len(scores.label)} samples; {facts})")


def _shown(name: str, value: float) -> str:
    """Return a metric as text: a threshold as it is, a share in percent."""
    return f"{value:.4f}" if name.endswith("gamma") else f"{100 * value:.2f}"


def write_results(run: Run, log: Logbook, step: int, results: dict[str, Scores]) -> None:
    """Write one line of metrics with every evaluation's summary, at an epoch's last step."""
    metrics, epoch = {}, step // run.order.steps_per_epoch
    for name, scores in results.items():
        metrics |= run.summarize(name, scores)
    log.write(step, epoch, metrics)
    shown = ", ".join(
        f"{name} {100 * value:.1f}" for name, value in metrics.items() if "top1" in name
    )
    log.say(f"epoch {epoch}: {shown}")
