"""The classes of a merged dataset, its zero-shot splits and its descriptions (`merged`)."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from etils import epath

from data_pipelines.specs import checked_yaml, spec_file
from data_pipelines.specs.checked_yaml import Metadata
from data_pipelines.specs.dataset import DatasetSpec


def merged_labels(metadata: Metadata, specs: Sequence[DatasetSpec]) -> dict[str, str]:
    """Return label → label in the merged dataset for all datasets' classes, in order."""
    labels = list(dict.fromkeys(label for spec in specs for label in spec.labels))
    same = metadata.mapping("same")
    for label, merged in same.items():
        for name in (label, merged):
            if name not in labels:
                raise metadata.error("same", f"has {name!r}, which is not a class")
        if merged in same:
            raise metadata.error("same", f"counts {label!r} as {merged!r}, which is another's, too")
    return {label: same.get(label, label) for label in labels}


def splits(
    metadata: Metadata, specs: Sequence[DatasetSpec], numbers: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """Return the zero-shot splits of all datasets, prefixed with the dataset's name."""
    merged_splits, classes = {}, len(set(numbers.values()))
    for spec in specs:
        for split, unseen in spec.zero_shot.items():
            merged = tuple(sorted({numbers[spec.labels[label]] for label in unseen}))
            if not 2 <= len(merged) <= classes - 2:
                sizes = f"{len(merged)} classes unseen of {classes} in {split} of {spec.name}"
                fault = f"leaves {sizes}; at least 2 must be unseen and 2 seen"
                raise metadata.error("same", fault)
            merged_splits[f"{spec.name}_{split}"] = merged
    return merged_splits


def texts(texts_of: Mapping[pathlib.Path, str], labels: Sequence[str]) -> tuple[str, bytes | None]:
    """Return the names of gapjax's files of class descriptions, and the folders' descriptions.

    Args:
        texts_of: the folder of each dataset → its `DatasetSpec.texts`.
        labels: the merged dataset's classes.
    """
    if not all(texts_of.values()):
        return "", None
    names, descriptions = [], {}
    for folder, files in texts_of.items():
        file = folder / spec_file.TEXTS
        descriptions = _descriptions(file) | descriptions
        packaged = files.removesuffix(str(file)).rstrip("+")
        names += packaged.split("+") if packaged else []
    ordered = [descriptions[label] for label in labels if label in descriptions]
    text = yaml.safe_dump({"classes": ordered}, sort_keys=False, allow_unicode=True)
    return "+".join(dict.fromkeys(names)), text.encode() if ordered else None


def _descriptions(file: pathlib.Path) -> dict[str, Any]:
    """Return label → description of a file, which need not exist."""
    if not file.exists():
        return {}
    metadata = checked_yaml.load(epath.Path(file))
    entries = metadata.values.get("classes")
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("label"), str) for entry in entries
    ):
        raise metadata.error("classes", "should be a list of descriptions, each with its label")
    return {entry["label"]: entry for entry in entries}
