"""The rows of GAP's Tables 2, 3 and 4: four streams, and their ensemble."""

from types import ModuleType

from gapjax.studies.study import Row, Study

NAMES = ("Joint", "Joint-M", "Bone", "Bone-M")
VARIANTS = ("", "joint_motion", "bone", "bone_motion")


def rows(accuracies: tuple[float, ...], group: str = "", variant: str = "") -> tuple[Row, ...]:
    """Return the rows of one protocol.

    Args:
        accuracies: the paper's numbers, of the streams in the order of `NAMES` and of the ensemble.
        group: what the table calls the protocol.
        variant: the variant that chooses it.
    """
    *streams, ensemble = accuracies
    single = [
        Row(name, {}, {"top-1": accuracy}, variants=f"{stream},{variant}", group=group)
        for name, stream, accuracy in zip(NAMES, VARIANTS, streams, strict=True)
    ]
    return (*single, Row("4 ensemble", {}, {"top-1": ensemble}, group=group, ensemble=NAMES))


def study(title: str, config: ModuleType, *rows: Row) -> Study:
    """Return the study of one table."""
    return Study(title=title, config=config, variants="clip", rows=rows)
