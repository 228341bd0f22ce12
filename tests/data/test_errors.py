"""What a refused file says."""

from data_pipelines.errors import DataError, FileError


def test_a_message_is_one_short_line_that_begins_and_ends_as_written() -> None:
    short = "a/b.csv: line 3: has no label; add it"
    assert str(DataError(short)) == short
    assert str(FileError("a/b.csv", "has no label; add it", 3)) == short
    assert str(DataError("a\nb\r\nc")) == "a b c"
    for error in (DataError, lambda text: FileError("x.npy", text)):
        told = str(error(f"is {'9' * 5000}; correct it"))
        assert len(told) < 1000
        assert "9 … 9" in told
        assert told.endswith("999; correct it")
