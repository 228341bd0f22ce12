"""Tables of numbers are read as `float` reads them, whatever their form and white space."""

import numpy as np
import pytest

from data_pipelines.parsers.decimals import decimals
from data_pipelines.parsers.marks import Marks, zeros_below
from data_pipelines.parsers.table import LineError, beginnings
from data_pipelines.parsers.table import table as table_of

RNG = np.random.default_rng(0)


def table(lines: list[bytes], fields: int, used: int) -> np.ndarray:
    """Return the table of a text in which every second line is another one's."""
    content = b"\n".join([b"x 1", *(line + b"\n7" for line in lines)])
    begins = beginnings(content)
    return table_of(content, begins[1:-1:2], begins[2::2] - 1, fields, used)


def read(texts: list[str]) -> np.ndarray:
    content = " ".join(texts).encode()
    lengths = np.array([len(text) for text in texts])
    start = np.cumsum(lengths + 1) - lengths - 1
    return decimals(content, start, start + lengths)


FORMS = [
    "{:.9g}",
    "{:.7f}",
    "{:.12f}",
    "{:.17g}",
    "{:+.3f}",
    "{:.1f}",
    "{:.3e}",
    "{:.0f}",
    "{:.0f}.",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1, 5, 120, 1500, 1e9])
def test_decimals_are_floats(form: str, scale: float) -> None:
    """Bit by bit, with the nine digits that a float32 needs and with more."""
    texts = [form.format(x) for x in RNG.normal(size=300) * scale]
    np.testing.assert_array_equal(read(texts), [float(text) for text in texts])


def test_more_numbers_than_are_read_at_once() -> None:
    texts = [f"{x:.7f}" for x in RNG.normal(size=20_000)]
    np.testing.assert_array_equal(read(texts), [float(text) for text in texts])


SINGLE = ["0", "-0", "0.0", "-0.0", ".5", "-.5", "5.", "-5.", "999.999999999999", "9999.5", "1e3"]
SINGLE += [
    "0.1234567890123",
    "0.123456789012",
    "+3.5",
    "007.25",
    "1E-2",
    "-12.5e+1",
    "0." + "1" * 300,
]


@pytest.mark.parametrize("text", SINGLE)
def test_forms(text: str) -> None:
    for around in ([text], ["1.5", text], [text, "7.25"], ["1.5", text, "-2.5"]):
        np.testing.assert_array_equal(read(around), [float(each) for each in around])
        signs = [np.copysign(1, float(each)) for each in around]
        np.testing.assert_array_equal(np.copysign(1, read(around)), signs)


@pytest.mark.parametrize(
    "text",
    [".", "-", "+", "-.", "x", "1.2.3", "--1.5", "1-1.5", "1.5-", "0x1", "1,5", "e5", "1.5:"],
)
def test_what_is_no_number(text: str) -> None:
    values = read(["1.5", text, "2.5"])
    np.testing.assert_array_equal(values, [1.5, np.nan, 2.5])


@pytest.mark.parametrize("gap", [" ", "  ", "\t", " \t"])
@pytest.mark.parametrize("end", ["", " ", "\r"])
@pytest.mark.parametrize(("fields", "used"), [(12, 3), (6, 6), (1, 1)])
def test_white_space(gap: str, end: str, fields: int, used: int) -> None:
    values = RNG.normal(size=(7, fields)).astype(np.float32)
    lines = [(gap.join(f"{x:.9g}" for x in row) + end).encode() for row in values]
    found = table(lines, fields, used)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values[:, :used])


def test_no_lines() -> None:
    assert table([], 12, 3).shape == (0, 3)


LINES = [b"1.5 2.5 3.5 4.5"] * 5
BAD_LINES = {
    "few": (b"1.5 2.5 3.5", "line 4: has 3 numbers, not 4"),
    "many": (b"1.5 2.5 3.5 4.5 5.5", "line 4: has 5 numbers, not 4"),
    "none": (b"", "line 4: has 0 numbers, not 4"),
    "word": (b"1.5 two 3.5 4.5", "line 4: 'two' is not a coordinate"),
    "word and spaces": (b"1.5  two 3.5 4.5", "line 4: 'two' is not a coordinate"),
    "nan": (b"1.5 nan 3.5 4.5", "line 4: 'nan' is not a coordinate"),
    "infinity": (b"1.5 -inf 3.5 4.5", "line 4: '-inf' is not a coordinate"),
    "large": (b"1.5 4e38 3.5 4.5", "line 4: '4e38' is not a coordinate"),
    "nearly as large": (b"1.5 -3e38 3.5 4.5", "line 4: '-3e38' is not a coordinate"),
    "a thousand kilometres": (b"1.5 1e6 3.5 4.5", "line 4: '1e6' is not a coordinate"),
    "long": (b"1.5 " + b"9" * 500 + b" 3.5 4.5", "line 4: '99999999999999999999' is not a coord"),
    "zero byte": (b"1.5\x002.5 3.5 4.5 5.5", r"line 4: '1.5\\x002.5' is not a coordinate"),
    "zero byte for a space": (b"1.5\x002.5 3.5 4.5", "line 4: has 3 numbers, not 4"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_lines(case: str) -> None:
    line, message = BAD_LINES[case]
    with pytest.raises(LineError, match=message) as caught:
        table([*LINES[:3], line, *LINES[4:]], 4, 3)
    assert caught.value.row == 3


def test_what_is_not_yet_too_far() -> None:
    assert table([b"-999999 0.5"], 2, 2).tolist() == [[-999999, 0.5]]


def test_a_line_that_makes_up_for_another() -> None:
    with pytest.raises(LineError, match="line 2: has 3 numbers, not 4"):
        table([LINES[0], b"1.5 2.5 3.5", b"1.5 2.5 3.5 4.5 5.5"], 4, 3)


def test_what_is_not_used_need_not_be_a_number() -> None:
    assert table([b"1.5 2.5 word nan"], 4, 2).tolist() == [[1.5, 2.5]]


@pytest.mark.parametrize("length", [0, 1, 7, 8, 63, 64, 65, 130, 3 * 2**16 + 5])
def test_marks_are_counted_and_looked_up(length: int) -> None:
    """Against the mask itself, with marks on all that follows the text."""
    text = RNG.integers(4, size=length).astype(np.uint8)
    marks = Marks.of(text, lambda some: some == 0)
    mask = np.append(text == 0, np.ones(64, bool))
    places = np.unique(RNG.integers(length + 1, size=300))
    expected = [sum(int(bit) << k for k, bit in enumerate(mask[p : p + 64])) for p in places]
    assert marks.windows(places).tolist() == expected
    lowest = [int(np.argmax(mask[p : p + 64])) if mask[p : p + 64].any() else 64 for p in places]
    assert zeros_below(marks.windows(places)).tolist() == lowest
    counts = [int(mask[p:length].sum()) for p in places]
    ends = np.full(len(places), length)
    assert marks.between(places, ends).tolist() == counts
    runs = marks.beginnings().between(places, ends)
    begun = ~mask & np.append(True, mask[:-1])
    assert runs.tolist() == [int(begun[p:length].sum()) for p in places]


@pytest.mark.parametrize("spaces", [0, 1, 40])
@pytest.mark.parametrize("digits", [9, 15, 60, 64, 200])
def test_long_numbers(digits: int, spaces: int) -> None:
    """Whether or not they fit what is looked at at once, with a number at the very end."""
    text = "0." + "7" * digits
    lines = [f"{text} 1.5 {text}".encode(), b" " * spaces + f"-{text} {text} 2.5".encode()]
    value = np.float32(float(text))
    np.testing.assert_array_equal(table(lines, 3, 3), [[value, 1.5, value], [-value, value, 2.5]])
