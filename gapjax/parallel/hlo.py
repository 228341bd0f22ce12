"""The collectives of a compiled program, counted in its text (HLO).

An asynchronous collective is counted at its end, and one that several fused computations name by
the same channel once.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "ragged-all-to-all",
    "collective-permute",
    "collective-broadcast",
)
# The result's type, which may be a tuple, then the operation: `= (f32[2]{0}, ...) all-reduce(`.
_OPERATION = re.compile(rf"= (\(.*?\)|\S+) ({'|'.join(KINDS)})(-start|-done)?\(")
_CHANNEL = re.compile(r"channel_id=(\d+)")
_ARRAY = re.compile(r"\b(pred|token|[a-z]+(\d+)(?:e\d+m\d+\w*)?)\[([\d,]*)\]")


@dataclass(frozen=True)
class Traffic:
    """The operations of one kind in a program.

    Attributes:
        count: their number.
        bytes: of collectives, the size of their results on one device; of kernels, what they read
            and write there, padding included.
    """

    count: int = 0
    bytes: int = 0


def collectives(program: str) -> Mapping[str, Traffic]:
    """Return kind → the collectives of that kind.

    >>> collectives("%x = f32[3,4]{1,0:T(8,128)} all-reduce(%a), replica_groups={{0,1}}")
    {'all-reduce': Traffic(count=1, bytes=48)}
    """
    traffic: dict[str, Traffic] = {}
    seen: set[str] = set()
    for line in program.splitlines():
        operation, channel = _OPERATION.search(line), _CHANNEL.search(line)
        if not operation or operation[3] == "-start" or (channel and channel[1] in seen):
            continue
        seen |= {channel[1]} if channel else set()
        total = traffic.get(operation[2], Traffic())
        size = total.bytes + size_of(operation[1])
        traffic[operation[2]] = Traffic(total.count + 1, size)
    return traffic


def size_of(kind: str) -> int:
    """Return the bytes of a value of an HLO type, which may be a tuple.

    >>> size_of("(f32[2,3]{1,0:T(8,128)S(1)}, bf16[], pred[7]{0}, s4[3])")
    35
    """
    return sum(_bytes(*match) for match in _ARRAY.findall(kind))


def _bytes(name: str, bits: str, shape: str) -> int:
    """Return the bytes of an array; numbers of less than a byte are packed."""
    count = math.prod(int(length) for length in shape.split(",") if length)
    width = int(bits) if bits else {"pred": 8, "token": 0}[name]
    return -(-count * width // 8)
