"""Speed of a config: `python -m gapjax.bench --config=configs/gap_ucla.py [--steps=20]`.

Prints a table and a line of JSON for each config. Rates are medians over steps, without the
compilation. The feed is timed alone, until the frames are on the devices; in training it overlaps
with other work. Where training has steps of two sizes (`gapjax.inputs.present`), the larger is
timed. Of a zero-shot run it is the first stage, its skeleton encoder; `--stage=star` times the last
one, with the encoder of --config.encoder.checkpoint.

--against="--config.train.layout=channels_last" times the same command with these flags added, too:
steps take turns, and "times_faster" is the median over pairs of steps.
"""

import json
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gapjax.benchmarks import first_step
from gapjax.benchmarks.figures import TIMED, Figures, measure
from gapjax.experiment import build, command_line
from gapjax.registry import chosen

_STEPS = flags.DEFINE_integer("steps", 20, "How many steps to time.", lower_bound=1)
_WHAT = ("start", *TIMED)
_ONLY = flags.DEFINE_list("only", list(_WHAT), f"What to time, of {', '.join(_WHAT)}.")
_AGAINST = flags.DEFINE_string("against", "", "Flags of a config to compare with.")


def config_words(words: Sequence[str]) -> list[str]:
    """Return those words of a command line that say what the config is.

    >>> config_words(["--steps=3", "--config=a.py", "--config.seed", "2", "--noconfig.clips.flip"])
    ['--config=a.py', '--config.seed', '2', '--noconfig.clips.flip']
    """
    kept = []
    for before, word in zip(["", *words], words, strict=False):
        is_value = re.fullmatch(r"--?config[^=]*", before) and not word.startswith("-")
        if is_value or re.match(r"--?(no)?config\b", word):
            kept.append(word)
    return kept


def start_words() -> list[str]:
    """Return the flags, beside the config, that a start has as this command has them."""
    given = (flags.FLAGS[name] for name in ("stage", "compilation_cache"))
    return [flag.serialize() for flag in given if flag.present]


def time_all(configs: Sequence[Sequence[str]], what: Sequence[str]) -> list[Figures]:
    """Return the figures of each config, given by its words on the command line."""
    found: list[Figures] = [{"config": shlex.join(words)} for words in configs]
    # First: another process cannot have the devices that this one has opened.
    if "start" in what:
        for figures, words in zip(found, configs, strict=True):
            figures["seconds_to_first_step"] = first_step.measure([*words, *start_words()])
    if set(what) & set(TIMED):
        with tempfile.TemporaryDirectory() as folder:
            plans = [command_line.plan_of_words(words) for words in configs]
            timed = [first_step.stage_of(plan, Path(folder)) for plan in plans]
            runs = [build.build(stage.plan, stage.upstream) for stage in timed]
            precisions = [stage.plan.train.precision for stage in timed]
            measured = measure(runs, precisions, what, _STEPS.value)
        for figures, more in zip(found, measured, strict=True):
            figures |= more
    return found


def table(found: Sequence[Figures]) -> list[str]:
    """Return figures as lines: a name, then a column for each config."""
    lines = [f"{'':28s} {'this':>16s}  {'against':>16s}"] if len(found) > 1 else []
    for name in (name for name in found[0] if name != "config"):
        values = [figures.get(name, "") for figures in found]
        shown = [f"{each:,.3f}" if isinstance(each, float) else str(each) for each in values]
        lines.append(f"{name:28s} {'  '.join(f'{each:>16s}' for each in shown)}".rstrip())
    return lines


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    del argv
    what = [chosen("--only", name, _WHAT) for name in _ONLY.value]
    words = config_words(sys.argv[1:])
    configs = [words]
    if _AGAINST.value:
        configs.append([*words, *shlex.split(_AGAINST.value)])
    found = time_all(configs, what)
    print("\n".join(table(found)))
    for figures in found:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    command_line.run(main)
