"""The metadata of a dataset as a YAML file, written by users and by conversions.

    joints: [head, left hand, right hand, hip]       in order; joints are numbered from 0
    bones: [[head, hip], [left hand, head], ...]     by name or number; a tree, in any order
    root: hip                                        the root of the bones
    labels: [wave, kick]                             the classes
    coordinates: 2D with confidence                  or 3D, 2D
    protocols:
      xsub: {subject: [1, 2, 5]}                     training subjects; all others are for testing

Optional keys: `persons` (the most in a sample; default 1), `person_order` (`motion`: who moves most
is first; `recorded`: the arrays' order has a meaning and is kept), `center` (the joint at the
origin; default root), `parts` (partition → part → joints; parts have any names), `zero_shot` (split
→ unseen classes), `texts` (a file of class descriptions), `skeleton` (the body model's name) and
`shoulders` (left, right).
"""

import dataclasses
from typing import Any

import yaml
from etils import epath

from data_pipelines.specs import body_file, checked_yaml, clip_rule
from data_pipelines.specs.checked_yaml import Metadata
from data_pipelines.specs.dataset import DatasetSpec, Protocol, said_sizes

FILE, TEXTS = "dataset.yaml", "texts.yaml"

REQUIRED = ("joints", "bones", "root", "labels", "coordinates", "protocols")
OPTIONAL = (
    *("persons", "person_order", "center", "parts", "zero_shot", "texts", "skeleton"),
    "shoulders",
)
# Written only by conversions.
CARRIED = ("obtain", "format")

# Value of `coordinates` → the number of values per joint, and whether the last is a confidence.
COORDINATES = {
    "3D": (3, False),
    "2D": (2, False),
    "2D with confidence": (3, True),
    "3D with confidence": (4, True),
}
COLUMNS = ("subject", "camera", "setup")


def read(folder: epath.Path) -> DatasetSpec:
    """Return the metadata in a converted dataset's folder; DataError if they are invalid."""
    metadata = checked_yaml.load(folder / FILE)
    metadata.check_keys(REQUIRED, (*OPTIONAL, *CARRIED))
    spec = spec_of(metadata, folder.name)
    if (folder / TEXTS).exists():
        files = *filter(None, [spec.texts]), str(folder / TEXTS)
        spec = dataclasses.replace(spec, texts="+".join(files))
    return spec


def write(folder: epath.Path, spec: DatasetSpec) -> None:
    """Write the metadata of a dataset into its folder."""
    kinds = {numbers: kind for kind, numbers in COORDINATES.items()}
    values = {
        "format": spec.format,
        "obtain": spec.obtain,
        **body_file.described(spec.skeleton),
        "labels": list(spec.labels),
        "persons": spec.persons,
        "person_order": spec.person_order,
        "coordinates": kinds[spec.coordinates, spec.confidence],
        "protocols": {
            name: {protocol.column: list(protocol.train)}
            | ({"test": list(protocol.test)} if protocol.test else {})
            | ({"counts": list(protocol.counts)} if protocol.counts else {})
            for name, protocol in spec.protocols.items()
        },
        "zero_shot": {
            split: [spec.labels[label] for label in unseen]
            for split, unseen in spec.zero_shot.items()
        },
        "texts": spec.texts,
    }
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    (folder / FILE).write_text(text, encoding="utf-8")


def spec_of(metadata: Metadata, name: str) -> DatasetSpec:
    """Return the spec that a file describes; DataError if a value is invalid."""
    labels, kind = metadata.texts("labels"), str(metadata.values["coordinates"])
    kind = {"2": "2D", "3": "3D"}.get(kind, kind)
    if kind not in COORDINATES:
        raise metadata.error("coordinates", f"is {kind!r}; there are {', '.join(COORDINATES)}")
    numbers, confidence = COORDINATES[kind]
    return DatasetSpec(
        name=name,
        skeleton=body_file.read(metadata, name),
        labels=labels,
        persons=metadata.count("persons", 1),
        protocols=_protocols(metadata),
        texts=metadata.text("texts", ""),
        obtain=metadata.text("obtain", f"{name} is your own"),
        zero_shot={
            split: _split(metadata, split, unseen, labels)
            for split, unseen in metadata.mapping("zero_shot").items()
        },
        coordinates=numbers,
        confidence=confidence,
        format=metadata.text("format", ""),
        person_order=_person_order(metadata),
    )


def _person_order(metadata: Metadata) -> str:
    order = metadata.text("person_order", clip_rule.ORDERS[0])
    if order not in clip_rule.ORDERS:
        raise metadata.error("person_order", f"is {order!r}, none of {clip_rule.ORDERS}")
    return order


def _protocols(metadata: Metadata) -> dict[str, Protocol]:
    protocols = {
        name: _protocol(metadata, name, values)
        for name, values in metadata.mapping("protocols").items()
    }
    if not protocols:
        example = "such as xsub: {subject: [1, 2]}"
        raise metadata.error("protocols", f"should have at least one, {example}")
    return protocols


def _protocol(metadata: Metadata, name: str, values: Any) -> Protocol:
    """Return the protocol that a mapping, such as {subject: [1, 2]}, describes."""
    columns = [column for column in COLUMNS if isinstance(values, dict) and column in values]
    if len(columns) != 1 or set(values) - {*columns, "counts", "test"}:
        reason = f"{name!r} should name one of {', '.join(COLUMNS)}: {{subject: [1, 2]}}"
        raise metadata.error("protocols", reason)
    for key, numbers in values.items():
        if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            raise metadata.error("protocols", f"{name!r}: {key} should be a list of numbers")
    counts = tuple(values["counts"]) if len(values.get("counts", ())) == 2 else None
    train = tuple(sorted(set(values[columns[0]])))
    test = tuple(sorted(set(values["test"]))) if "test" in values else None
    return Protocol(columns[0], train, counts, test)


def _split(metadata: Metadata, name: str, unseen: Any, labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return the unseen classes of a zero-shot split, given as a list of labels."""
    if not isinstance(unseen, list):
        raise metadata.error("zero_shot", f"{name!r} should be a list of labels")
    for label in unseen:
        if label not in labels:
            raise metadata.error("zero_shot", f"{name!r} has {label!r}, which is not a label")
    classes = tuple(sorted({labels.index(label) for label in unseen}))
    seen = len(labels) - len(classes)
    if min(seen, len(classes)) < 2:
        raise metadata.error("zero_shot", f"{name!r} should leave 2 classes unseen and 2 seen")
    if said_sizes(name) not in (None, (seen, len(classes))):
        reason = f"{name!r} has {seen} seen and {len(classes)} unseen classes; rename it"
        raise metadata.error("zero_shot", reason)
    return classes
