"""Tables of numbers are read as `float` reads them, whatever their form and white space."""

import numpy as np
import pytest

from data_pipelines.parsers.table import LineError, table

RNG = np.random.default_rng(0)

FORMS = ["{:.9g}", "{:.7f}", "{:.17g}", "{:+.3f}", "{:.3e}", "{:.0f}", "{:.0f}."]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1e-6, 1, 1500])
def test_numbers_are_floats(form: str, scale: float) -> None:
    texts = [form.format(x) for x in RNG.normal(size=300) * scale]
    values = table([text.encode() for text in texts], 1, 1)
    np.testing.assert_array_equal(values[:, 0], np.float32([float(text) for text in texts]))


@pytest.mark.parametrize("text", ["-0", "-0.0", ".5", "5.", "+3.5", "007.25", "1E-2", "1e-400"])
def test_forms(text: str) -> None:
    ((value,),) = table([text.encode()], 1, 1)
    assert (value, np.signbit(value)) == (float(text), np.signbit(float(text)))


@pytest.mark.parametrize(
    "text", [".", "-", "+", "x", "1.2.3", "--1.5", "1-1.5", "1.5-", "0x1", "1,5", "e5", "1.5:"]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(LineError, match=r"^line 2: '.*' is not a coordinate$"):
        table([b"1.5 2.5", f"2.5 {text}".encode()], 2, 2)


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
    "a thousand kilometers": (b"1.5 1e6 3.5 4.5", "line 4: '1e6' is not a coordinate"),
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
