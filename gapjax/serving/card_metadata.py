"""The front matter of a model card: what model hubs read, as YAML before the text."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from gapjax.serving import bundle

# Of the names of licenses that hubs know, the one for "nobody has said".
NO_LICENSE = "unknown"
# What a hub calls this kind of model; it knows none for skeletons.
_TASK = "video-classification"
# Metrics that hubs know by another name.
_TYPES = {"top1": "accuracy"}


class _Quoted(str):
    """A string that no YAML reader takes for a number, as it may a digest such as 12e4."""


class _Dumper(yaml.SafeDumper):
    """Writes `_Quoted` in quotes."""


_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def front_matter(metadata: Mapping[str, Any], name: str) -> str:
    """Return the front matter of a bundle's model card, with the lines that enclose it.

    Args:
        metadata: the content of its bundle.json.
        name: of the model.
    """
    run = metadata["run"]
    results = {"task": {"type": _TASK}, "dataset": _dataset(run), "metrics": [*_metrics(metadata)]}
    content = {
        "license": metadata.get("license", NO_LICENSE),
        "library_name": "gapjax",
        "pipeline_tag": _TASK,
        "tags": [*_tags(metadata)],
        "datasets": [run["dataset"]],
        "model-index": [{"name": name, "results": [results]}],
    }
    lines = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return f"---\n{lines}---\n"


def _tags(metadata: Mapping[str, Any]) -> Iterator[str]:
    yield from ("action-recognition", "skeleton", "jax", "flax", "stablehlo")
    yield from (metadata["run"]["method"], metadata["run"]["backbone"])
    if bundle.takes_classes(metadata):
        yield "zero-shot"


def _dataset(run: Mapping[str, str]) -> dict[str, Any]:
    """Return what was measured on: a dataset, and the digests of its protocol and split."""
    name = run["dataset"]
    facts = {key: _Quoted(value) for key, value in run.items() if key != "dataset"}
    return {"type": name, "name": name, "config": run["protocol"], "split": "test", "args": facts}


def _metrics(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the metrics of the last evaluation; γ is a setting, steps are no metric."""
    for key, value in metadata["measured"].items():
        _, slash, kind = key.rpartition("/")
        if slash and kind != "gamma" and math.isfinite(value):
            yield {"type": _TYPES.get(kind, kind), "name": key, "value": value}
