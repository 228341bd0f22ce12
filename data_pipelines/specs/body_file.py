"""The body model in a dataset's YAML file: joints, bones, root, center, shoulders and parts."""

from collections.abc import Iterable
from typing import Any

from data_pipelines.specs.checked_yaml import Metadata
from data_pipelines.specs.skeletons import Partition, Skeleton


def described(body: Skeleton) -> dict[str, Any]:
    """Return a body model as the values of the keys, joints by their names."""

    def names(joints: Iterable[int]) -> list[str]:
        """Return the names of joints."""
        return [body.joints[joint] for joint in joints]

    return {
        "skeleton": body.name,
        "joints": list(body.joints),
        "bones": [names(bone) for bone in body.bones],
        "root": body.joints[body.root],
        "center": body.joints[body.center],
        "shoulders": names(body.shoulders),
        "parts": {
            name: {part: names(joints) for part, joints in partition.items()}
            for name, partition in body.partitions.items()
        },
    }


def read(metadata: Metadata, name: str) -> Skeleton:
    """Return the body model that a file describes; DataError if a value is invalid.

    Args:
        metadata: the file's values.
        name: the body model's name unless the file gives one.
    """
    joints = metadata.texts("joints")
    root = _joint(metadata, "root", joints, metadata.values["root"])
    shoulders = metadata.values.get("shoulders", [root, root])
    if not isinstance(shoulders, list) or len(shoulders) != 2:
        raise metadata.error("shoulders", "should be two joints, the left one first")
    left, right = (_joint(metadata, "shoulders", joints, joint) for joint in shoulders)
    return Skeleton(
        name=metadata.text("skeleton", name),
        joints=joints,
        bones=_bones(metadata, joints, root),
        root=root,
        center=_joint(metadata, "center", joints, metadata.values.get("center", root)),
        shoulders=(left, right),
        partitions={
            partition: _partition(metadata, joints, partition, parts)
            for partition, parts in metadata.mapping("parts").items()
        },
    )


def left_out(body: Skeleton) -> list[str]:
    """Return a line for each partition that leaves joints out, which may be meant."""
    lines = []
    for name, parts in body.partitions.items():
        within = {joint for joints in parts.values() for joint in joints}
        without = [joint for number, joint in enumerate(body.joints) if number not in within]
        if without:
            lines.append(f"parts {name!r} leave out {', '.join(without)}: no part sees them")
    return lines


def _joint(metadata: Metadata, key: str, joints: tuple[str, ...], joint: Any) -> int:
    """Return the index of a joint given by name or index."""
    if type(joint) is int and 0 <= joint < len(joints):
        return joint
    if joint not in joints:
        fault = f"has {joint!r}, which is none of the {len(joints)} joints; correct the name"
        raise metadata.error(key, fault)
    return joints.index(joint)


def _bones(metadata: Metadata, joints: tuple[str, ...], root: int) -> tuple[tuple[int, int], ...]:
    """Return the (child, parent) pairs of the bones, which may be given in either direction."""
    bones = metadata.values["bones"]
    if not isinstance(bones, list) or not all(
        isinstance(pair, list) and len(pair) == 2 for pair in bones
    ):
        raise metadata.error("bones", "should be a list of pairs of joints")
    pairs = [tuple(_joint(metadata, "bones", joints, end) for end in pair) for pair in bones]
    reached, parents = [root], {}
    for joint in reached:
        ends = [(b if a == joint else a) for a, b in pairs if joint in (a, b)]
        new = [end for end in ends if end not in reached]
        parents |= dict.fromkeys(new, joint)
        reached += dict.fromkeys(new)
    for joint, name in enumerate(joints):
        if joint not in reached:
            raise metadata.error("bones", f"do not connect {name!r} to the root; add a bone")
    if len(pairs) != len(joints) - 1:
        fault = f"form a ring: {len(joints)} joints need {len(joints) - 1} bones, not {len(pairs)}"
        raise metadata.error("bones", f"{fault}; remove some")
    return tuple((a, b) if parents.get(a) == b else (b, a) for a, b in pairs)


def _partition(metadata: Metadata, joints: tuple[str, ...], name: str, parts: Any) -> Partition:
    """Return the joints of every part of a partition."""
    if not isinstance(parts, dict) or not parts:
        raise metadata.error("parts", f"{name!r} should map names of parts to lists of joints")
    for part, members in parts.items():
        if not isinstance(part, str) or not part.strip():
            raise metadata.error("parts", f"{name!r} has the part {part!r}; give it a name")
        if not isinstance(members, list) or not members:
            raise metadata.error("parts", f"{name!r}: {part!r} should be a list of joints")
    partition = {
        part: tuple(_joint(metadata, "parts", joints, joint) for joint in members)
        for part, members in parts.items()
    }
    for part, members in partition.items():
        if len(set(members)) < len(members):
            raise metadata.error("parts", f"{name!r}: {part!r} has a joint twice; remove one")
    return partition
