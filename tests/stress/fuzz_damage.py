"""What happens to files: damage to texts and to bytes, drawn at random, for `fuzz.py`."""

import re
import struct
from collections.abc import Callable

import numpy as np

_FIELDS = (
    *(b"nan", b"inf", b"-inf", b"-1", b"0", b"1e39", b"1e-400", b"1e400", b"-0.0", b"+3", b"1_0"),
    *(b"", b"x", b"0x10", b"1.2.3", b"--1", b"5.", b".5", b".", b"1,5", b"25.0", b"2147483648"),
    *(b"999999999", b"-999999999", b"9" * 5000, b"0." + b"1" * 300, b"null", b'"', b"[", b"{}"),
    *(b"\x00", b"\xff\xfe", b"\xc2\xa0", b"1\x0b2", b"\x1c", b"24", b"26", b"1 1", b"1\r"),
)
_NUMBER = re.compile(rb"[-+.\deE]+")


def _truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content) + 1)]


def _other_digits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    digits = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    for place in rng.choice(digits, rng.integers(1, 6)) if digits else []:
        changed[place] = 48 + rng.integers(10)
    return bytes(changed)


def _other_lines(content: bytes, rng: np.random.Generator) -> bytes:
    """Delete, repeat, move or empty lines."""
    lines = content.split(b"\n")
    first = int(rng.integers(len(lines)))
    last = first + int(rng.choice([1, 1, 2, 25, 27]))
    other = int(rng.integers(len(lines)))
    some = lines[first:last]
    kept = lines[:first] + lines[last:]
    kinds = kept, lines[:last] + lines[first:], kept[:other] + some + kept[other:]
    kinds += (lines[:first] + [b""] * len(some) + lines[last:],)
    return b"\n".join(kinds[rng.integers(len(kinds))])


def _other_field(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace a number by what is none, or by an extreme one."""
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    place = found[rng.integers(len(found))]
    return content[: place.start()] + _field(rng) + content[place.end() :]


def _other_count(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace a line that is only a number: counts of frames, of bodies and of joints."""
    lines = content.split(b"\n")
    counts = [row for row, line in enumerate(lines) if line.strip().isdigit()]
    row = int(rng.choice(counts)) if counts else 0
    lines[row] = [_field(rng), b"%d" % rng.integers(-3, 60), b"%d" % rng.integers(2**62)][
        rng.integers(3)
    ]
    return b"\n".join(lines)


def _other_space(content: bytes, rng: np.random.Generator) -> bytes:
    old, new = [
        (b"\n", b"\r\n"),
        (b"\n", b"\r"),
        (b"\n", b" \n"),
        (b"\n", b"\n\n"),
        (b" ", b"  "),
        (b" ", b"\t"),
        (b" ", b"\x00"),
        (b" ", b"\x0c"),
    ][rng.integers(8)]
    return content.replace(old, new, [-1, 1, 30][rng.integers(3)])


def _marked(content: bytes, rng: np.random.Generator) -> bytes:
    """Put a byte order mark before the text, or write it in another encoding."""
    text = content.decode("latin-1")
    return [b"\xef\xbb\xbf" + content, text.encode("utf-16"), text.encode("utf-32-be")][
        rng.integers(3)
    ]


def _other_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, insert or flip some bytes."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(changed) + 1))
        changed[place : place + rng.integers(4)] = rng.bytes(rng.integers(4))
        if changed:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def _other_integer(content: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite a binary integer, as sizes and kinds are, with an extreme or a small one."""
    width, form = [(1, "b"), (2, "h"), (4, "i"), (8, "q")][rng.integers(4)]
    top = 2 ** (8 * width - 1)
    values = 0, 1, -1, top - 1, -top, top // 2, int(rng.integers(100)), int(rng.integers(-top, top))
    value = values[rng.integers(len(values))]
    place = int(rng.integers(max(1, len(content) - width)))
    place -= place % width if rng.integers(2) else 0
    packed = struct.pack("<>"[rng.integers(2)] + form, value)
    return content[:place] + packed + content[place + width :]


def _other_part(content: bytes, rng: np.random.Generator) -> bytes:
    """Delete or repeat a part."""
    first, last = sorted(rng.integers(len(content) + 1, size=2).tolist())
    return [content[:first] + content[last:], content[:last] + content[first:]][rng.integers(2)]


def _noise(content: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(rng.integers(2 * len(content) + 1))


def _field(rng: np.random.Generator) -> bytes:
    return _FIELDS[rng.integers(len(_FIELDS))]


Damage = Callable[[bytes, np.random.Generator], bytes]

TEXT: tuple[Damage, ...] = (
    *(_truncated, _other_digits, _other_lines, _other_field, _other_field, _other_count),
    *(_other_count, _other_space, _marked, _other_bytes, _other_part, _noise),
)
BINARY: tuple[Damage, ...] = (
    *(_truncated, _other_bytes, _other_bytes, _other_integer, _other_integer, _other_integer),
    *(_other_part, _noise),
)


def damaged(content: bytes, kinds: tuple[Damage, ...], rng: np.random.Generator) -> bytes:
    """Return a content with one to three kinds of damage."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        content = kinds[rng.integers(len(kinds))](content, rng)
    return content
