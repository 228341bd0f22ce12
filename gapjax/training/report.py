"""The results of a run: the lines that are printed, and those of the log."""

import jax

from gapjax.training.run import Run
from gapjax.workdir.log import Logbook
from gapjax.workdir.scores import Scores


def report(run: Run, results: dict[str, Scores]) -> None:
    """Print one line per evaluation: its metrics, and what they depend on.

    Only the first of several hosts prints.
    """
    if jax.process_index():
        return
    facts = ", ".join(f"{name} {value}" for name, value in run.facts.items())
    for name, scores in results.items():
        metrics = run.summarize(name, scores)
        shown = ", ".join(f"{key} {_format(key, value)}" for key, value in metrics.items())
        print(f"{shown} ({len(scores.label)} samples; {facts})")


def _format(name: str, value: float) -> str:
    """Return a metric as text: γ with four decimals, an accuracy in percent."""
    return f"{value:.4f}" if name.endswith("gamma") else f"{100 * value:.2f}"


def write_results(run: Run, log: Logbook, step: int, results: dict[str, Scores]) -> None:
    """Write the metrics of every evaluation after the last step of an epoch as one line."""
    metrics, epoch = {}, step // run.order.steps_per_epoch
    for name, scores in results.items():
        metrics |= run.summarize(name, scores)
    log.write(step, epoch, metrics)
    shown = (f"{name} {100 * value:.1f}" for name, value in metrics.items() if "top1" in name)
    log.say(f"epoch {epoch}: {', '.join(shown)}")
