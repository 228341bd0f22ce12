"""Have a language model write class descriptions, by the papers' questions.

python -m gapjax.prompts.generate --labels=FILE --out=mine.yaml --model=NAME [--endpoint=URL]
python -m gapjax.prompts.generate --from-released FILE... --out=mine.yaml [--labels=FILE]

asks any OpenAI-compatible endpoint (the environment has OPENAI_API_KEY, if it needs a key) and
writes a file of descriptions for `text.file`, or for `texts` of own data; or makes one of the files
that GAP and STAR released. Every answer is kept in `mine.answers.json`: an interrupted run, or one
with more samples, goes on by the same command. Exit status: 0 done; 1 an answer is still missing,
or the endpoint does not answer; 2 a mistake of the user's; 75 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etils import epath

from data_pipelines import command
from data_pipelines.errors import DataError, Preempted, UserError
from data_pipelines.specs import checked_yaml, class_texts
from data_pipelines.specs.skeletons import PARTS
from data_pipelines.storage.atomic import locked
from gapjax.prompts import released, rules
from gapjax.prompts.answers import Answers, digest
from gapjax.prompts.collected import write
from gapjax.prompts.endpoint import KEY_VARIABLE, URL_VARIABLE, Endpoint
from gapjax.prompts.interview import ask_all, collect
from gapjax.prompts.questions import FIELDS, STYLES, Question, ask_of

OPENAI = "https://api.openai.com/v1"
# How many findings of the linter are printed; the linter prints all.
SHOWN = 10


def read_labels(file: Path) -> list[str]:
    """Return class names: `labels` of a YAML file such as dataset.yaml, or the lines of a text.

    Raises:
        DataError: there are none, or one is there twice.
    """
    if file.suffix in (".yaml", ".yml"):
        metadata = checked_yaml.load(epath.Path(file))
        if "labels" not in metadata.values:
            raise DataError(f"{file}: labels is missing; add it")
        return list(metadata.texts("labels"))
    lines = released.lines_of(file)
    labels = [" ".join(line.split()) for line in lines if line.strip()]
    twice = next((label for i, label in enumerate(labels) if label in labels[:i]), None)
    if twice or not labels:
        raise DataError(f"{file}: " + (f"{twice!r} is there twice" if twice else "has no classes"))
    return labels


def from_model(options: argparse.Namespace) -> int:
    """Ask a model; return the exit status."""
    labels, out = read_labels(options.labels), options.out
    asked = [
        question
        for label in labels
        for question in ask_of(label, options.fields, options.parts, options.style)
    ]
    endpoint = Endpoint(
        options.endpoint,
        options.model,
        options.temperature,
        os.environ.get(KEY_VARIABLE, ""),
        options.per_minute,
        options.timeout,
        options.retries,
    )
    file = out.with_suffix(".answers.json")
    with locked(file):
        known = Answers(file, endpoint.url, options.model, options.temperature)
        if out.exists() and digest(out.read_bytes()) != known.written:
            raise UserError(
                f"{out} is there, and is not what this command wrote last: move it away, or "
                "choose another --out"
            )
        try:
            lacking = list(ask_all(asked, options.samples, known, endpoint, options.attempts))
        except KeyboardInterrupt:
            raise Preempted(
                f"interrupted; {file} has all answers so far: run the same command to continue"
            ) from None
        classes = [collect(label, asked, options.samples, known) for label in labels]
        known.wrote(write(out, classes, _provenance(options, endpoint, known, asked)))
    report(out)
    for line in lacking:
        print(f"gapjax: {line}", file=sys.stderr)
    if lacking:
        what = f"{len(lacking)} of {len(asked) * options.samples} answers are missing in {out}"
        return command.complain(f"{what}: run the same command to ask again", 1)
    return 0


def from_released(options: argparse.Namespace) -> int:
    """Make a file of descriptions of released ones; return the exit status."""
    if options.out.exists():
        raise UserError(f"{options.out} is there: move it away, or choose another --out")
    labels = read_labels(options.labels) if options.labels else []
    classes = released.read(options.from_released, labels)
    renamed = released.renamed(classes, options.from_released)
    for new, old in renamed[:SHOWN]:
        print(f"{new!r} is what {options.from_released[0]} calls {old!r}")
    if len(renamed) > SHOWN:
        print(f"... and {len(renamed) - SHOWN} more of {len(classes)} classes")
    write(options.out, classes, {"released": [file.name for file in options.from_released]})
    report(options.out)
    return 0


def report(file: Path) -> None:
    """Print how many classes a file describes, and what the linter finds in it."""
    texts = class_texts.load(file)
    found = list(rules.problems(texts))
    for line in found[:SHOWN]:
        print(line)
    rest = f"; all of them: python -m gapjax.prompts.lint {file}" if len(found) > SHOWN else ""
    print(f"{file}: {len(texts)} classes, {len(found)} findings of the linter{rest}")


def _provenance(
    options: argparse.Namespace, endpoint: Endpoint, known: Answers, asked: Sequence[Question]
) -> dict[str, Any]:
    """Return where the texts are from: whom, when and how they were asked for."""
    found = (known.get(each, i) for each in asked for i in range(options.samples))
    days = sorted({answer["date"] for answer in found if answer})
    examples = ask_of("LABEL", options.fields, options.parts, options.style)
    return {
        "model": options.model,
        "endpoint": endpoint.url,
        "date": " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
        "temperature": options.temperature,
        "samples": options.samples,
        "questions": [
            {"question": each.text, "instructions": each.instructions} for each in examples
        ],
        "answers": known.file.name,
    }


def _names(text: str) -> list[str]:
    """Return the names in an argument, separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} should be different names, separated by commas")
    return names


def _fields(text: str) -> list[str]:
    names = _names(text)
    if not set(names) <= set(FIELDS):
        raise argparse.ArgumentTypeError(f"{text!r} should be some of {', '.join(FIELDS)}")
    return names


def _positive(text: str) -> float:
    """Return a number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _temperature(text: str) -> float:
    return 0.0 if text in ("0", "0.0") else _positive(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gapjax.prompts.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    path = command.local_path
    default = os.environ.get(URL_VARIABLE) or OPENAI
    for name, kind, value, explained in (
        ("labels", path, None, "the classes: a text file, one a line, or a dataset.yaml"),
        ("model", str, "", "the model's name at the endpoint"),
        ("endpoint", str, default, f"the API's address (default: {URL_VARIABLE} or {OPENAI})"),
        ("samples", command.count, 5, "how many answers to every question (default: 5)"),
        ("temperature", _temperature, 0.7, "of sampling (default: 0.7)"),
        ("fields", _fields, list(FIELDS), f"what is asked for (default: {','.join(FIELDS)})"),
        ("parts", _names, list(PARTS), f"the body's parts (default: {','.join(PARTS)})"),
        ("attempts", command.count, 3, "how often an answer that misses something is asked for"),
        ("per-minute", _positive, 60.0, "the most requests in a minute (default: 60)"),
        ("timeout", _positive, 120.0, "seconds until a request is given up (default: 120)"),
        ("retries", command.count, 6, "how often a failed request is sent again (default: 6)"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=value, help=explained)
    explained = "how parts are asked for: GAP's question for all, or STAR's for each (default: gap)"
    parser.add_argument("--style", choices=STYLES, default=STYLES[0], help=explained)
    parser.add_argument("--out", type=path, required=True, help="the file of descriptions, .yaml")
    parser.add_argument("--from-released", type=path, nargs="+", help="released files of texts")
    return parser


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    if options.out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out={options.out} should end in .yaml")
    if options.from_released:
        return from_released(options)
    for name in ("labels", "model"):
        if not getattr(options, name):
            raise UserError(f"--{name} is missing: give it, or --from-released")
    return from_model(options)


if __name__ == "__main__":
    sys.exit(main())
