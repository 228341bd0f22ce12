"""Body parts as the methods' option `partition` names them."""

from collections.abc import Sequence

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax.registry import chosen


def joints_of_parts(
    skeleton: Skeleton, partition: str, alternatives: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the joints of each part of a partition, by the parts' names.

    Args:
        skeleton: the body model.
        partition: the name of the partition.
        alternatives: the other values that the option accepts, if any, for the error messages.

    Raises:
        UserError: the skeleton has no such partition.
    """
    if not skeleton.partitions:
        choose = f"choose {' or '.join(alternatives)}, or " if alternatives else ""
        raise UserError(
            f"method.partition={partition!r}: the skeleton {skeleton.name!r} has no parts; "
            f"{choose}convert again with `parts` in dataset.yaml"
        )
    chosen("method.partition", partition, (*alternatives, *skeleton.partitions))
    return dict(skeleton.partitions[partition])
