"""What the kernels of a compiled program read and write, counted in its text (HLO).

A kernel counts each of its operands and results once: more than it moves where it reads only a
slice of an operand, less where it reads one again. On-chip memory may serve some of it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gapjax.parallel.hlo import Traffic, size_of

# Operations that move nothing; the second half of an asynchronous one is counted with the first.
_FREE = {
    *("parameter", "tuple", "get-tuple-element", "bitcast", "constant", "after-all"),
    *("partition-id", "replica-id", "optimization-barrier"),
}
# Arrays side by side in memory that a TPU's program takes as one.
_FREE_CALL = 'custom_call_target="ConcatBitcast"'
# Operations that read as much as they write.
_SLICES = {"slice", "slice-start", "dynamic-slice", "dynamic-slice-start"}
_ENTRY = "ENTRY"
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)(?= [a-z])|\S+) ([\w\-]+)\((.*)$")
_CALLED = re.compile(r"(?:to_apply|body|called_computations=\{)=?%?([\w.\-]+)")
_ARRAY = re.compile(r"\w+\[([\d,]*)\](?:\{([\d,]*)(?::T\(([\d,]+)\))?[^}]*\})?")


class Instruction(NamedTuple):
    """An instruction of a program: its name, result type, operation, and the rest of its line."""

    name: str
    kind: str
    operation: str
    rest: str


@dataclass(frozen=True)
class Buffer:
    """An array that kernels write.

    Attributes:
        count: how many of its type there are.
        bytes: the size of one in memory.
        padding: how many times larger it is than its numbers.
    """

    count: int
    bytes: int
    padding: float


# The kernels of a program, with the bytes that each reads and writes.
Kernels = Sequence[tuple[Instruction, int]]


def kernels_of(program: str) -> Kernels:
    """Return the kernels in the text of a program.

    The body of a loop counts once, and a conditional as one kernel.
    """
    return list(_walk(_computations(program)))


def by_kind(kernels: Kernels) -> Mapping[str, Traffic]:
    """Return kind → the kernels of that kind, and the bytes that they read and write.

    >>> by_kind(kernels_of('''ENTRY %main (a: f32[8]) -> f32[8] {
    ...   %a = f32[8]{0} parameter(0)
    ...   ROOT %b = f32[8]{0} fusion(%a), kind=kLoop, calls=%c
    ... }'''))
    {'fusion kLoop': Traffic(count=1, bytes=64)}
    """
    found: dict[str, Traffic] = {}
    for instruction, moved in kernels:
        total = found.get(_kind(instruction), Traffic())
        found[_kind(instruction)] = Traffic(total.count + 1, total.bytes + moved)
    return dict(sorted(found.items(), key=lambda item: -item[1].bytes))


def largest_buffers(kernels: Kernels, count: int) -> Mapping[str, Buffer]:
    """Return type with layout → the largest arrays that kernels write, those of a type together.

    >>> largest_buffers(kernels_of('''ENTRY %main (a: f32[8]) -> f32[8,3] {
    ...   ROOT %b = f32[8,3]{1,0:T(8,128)} custom-call(%a)
    ... }'''), 1)
    {'f32[8,3]{1,0:T(8,128)}': Buffer(count=1, bytes=4096, padding=42.666666666666664)}
    """
    written: Counter[str] = Counter()
    for instruction, _ in kernels:
        # The results of what goes on beside kernels have its operands among them.
        if not instruction.operation.endswith("-start"):
            written.update(match[0] for match in _ARRAY.finditer(instruction.kind))
    sizes = {kind: padded_size(kind) for kind in written}
    chosen = sorted(sizes, key=lambda kind: -sizes[kind])[:count]
    return {
        kind: Buffer(written[kind], sizes[kind], sizes[kind] / max(size_of(kind), 1))
        for kind in chosen
    }


def padded_size(kind: str) -> int:
    """Return the bytes of an array in memory, whose minor axes fill tiles.

    >>> padded_size("f32[3,25,64]{2,1,0:T(8,128)}") // 4, padded_size("bf16[25,64]{1,0}") // 2
    (12288, 1600)
    """
    match = _ARRAY.match(kind)
    if match is None or not match[3]:
        return size_of(kind)
    shape = [int(length) for length in match[1].split(",") if length]
    order = [int(axis) for axis in match[2].split(",") if axis]
    tile = [int(length) for length in reversed(match[3].split(","))]
    full = list(shape)
    for axis, length in zip(order, tile, strict=False):
        full[axis] = -(-shape[axis] // length) * length
    return size_of(kind) * math.prod(full) // max(math.prod(shape), 1)


def _computations(program: str) -> Mapping[str, list[Instruction]]:
    """Return name → the instructions of a computation; the program's own is `ENTRY`."""
    found: dict[str, list[Instruction]] = {}
    current = None
    for line in program.splitlines():
        if start := _COMPUTATION.match(line):
            current = _ENTRY if start[1] else start[2]
            found[current] = []
        elif line.startswith("}"):
            current = None
        elif current and (match := _INSTRUCTION.match(line)):
            found[current].append(Instruction(*match.groups()))
    return found


def _walk(
    computations: Mapping[str, list[Instruction]], name: str = _ENTRY
) -> Iterator[tuple[Instruction, int]]:
    """Yield the kernels of a computation and of those it calls, with the bytes of each."""
    size: dict[str, int] = {}
    for instruction in computations.get(name, ()):
        size[instruction.name] = sum(
            padded_size(match[0]) for match in _ARRAY.finditer(instruction.kind)
        )
        if instruction.operation in _FREE or _FREE_CALL in instruction.rest:
            continue
        if instruction.operation.endswith("-done"):
            continue
        if instruction.operation in ("call", "while"):
            for called in _CALLED.findall(instruction.rest):
                yield from _walk(computations, called)
            continue
        yield instruction, _moved(instruction, size)


def _moved(instruction: Instruction, size: Mapping[str, int]) -> int:
    """Return the bytes that a kernel reads and writes, of operands and results by name."""
    arrays = [padded_size(match[0]) for match in _ARRAY.finditer(instruction.kind)]
    if instruction.operation in _SLICES:
        # An asynchronous one has its operand first among its results.
        return 2 * arrays[min(len(arrays) - 1, 1)]
    if instruction.operation.endswith("-start") and len(arrays) > 1:
        return sum(arrays)
    operands = re.findall(r"%([\w.\-]+)", instruction.rest.split("), ")[0])
    return sum(arrays) + sum(size.get(each, 0) for each in operands)


def _kind(instruction: Instruction) -> str:
    """Return what a kernel is called in tables: its operation, with the kind of a fusion."""
    detail = re.search(r'custom_call_target="([^"]+)"|kind=(\w+)', instruction.rest)
    if instruction.operation == "custom-call" and detail:
        return detail[1] or instruction.operation
    kind = f" {detail[2]}" if instruction.operation == "fusion" and detail else ""
    return instruction.operation + kind
