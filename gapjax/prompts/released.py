"""The files of texts that GAP and STAR released: a class a line, in the order of their numbers.

label;head tilts back; hand grasps cup; ...        parts (facts A.3, D.9)
label; Head: Tilts back; Hand: Grasps a cup; ...
label,word, another word, ...                      synonyms
label,A sentence. Another one.                     a paragraph
"""

from collections.abc import Sequence
from pathlib import Path

from data_pipelines.errors import DataError, FileError
from data_pipelines.specs import wrong_file
from data_pipelines.specs.skeletons import PARTS
from gapjax.prompts.collected import Collected
from gapjax.prompts.questions import phrase_after, read_parts


def read(files: Sequence[Path], labels: Sequence[str] = ()) -> list[Collected]:
    """Return the texts of classes in released files; several of a kind are several texts.

    Args:
        files: the files.
        labels: names for the classes, of which the i-th line of every file describes the i-th; a
            file may have more lines. By default the names in the first file.

    Raises:
        DataError: a file is not readable, has a line of no such form, or too few lines.
    """
    rows = [_read(file) for file in files]
    names = list(labels) or [one.label for one in rows[0]]
    for file, row in zip(files, rows, strict=True):
        if len(row) < len(names):
            raise DataError(f"{file} describes {len(row)} classes, {len(names)} are asked for")
    return [_joined(name, [row[i] for row in rows]) for i, name in enumerate(names)]


def renamed(collected: Sequence[Collected], files: Sequence[Path]) -> list[tuple[str, str]]:
    """Return the classes that the first file calls otherwise: (name, name in the file)."""
    pairs = zip(collected, _read(files[0]), strict=False)
    return [(new.label, old.label) for new, old in pairs if new.label.lower() != old.label.lower()]


def _joined(label: str, texts: Sequence[Collected]) -> Collected:
    """Return what all files tell of a class."""
    described = [text.parts for text in texts if text.parts]
    return Collected(
        label,
        [name for text in texts for name in text.synonyms],
        [paragraph for text in texts for paragraph in text.paragraphs],
        {part: [each[part][0] for each in described] for part in PARTS if described},
    )


def lines_of(file: Path) -> list[str]:
    """Return the lines of a text file.

    Raises:
        DataError: it is missing, or no text.
    """
    wrong_file.refuse(file)
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as text ({wrong_file.cause(error)})") from None


def _read(file: Path) -> list[Collected]:
    lines = lines_of(file)
    rows = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    if all(";" in line for _, line in rows):
        return [_parts(str(file), number, line) for number, line in rows]
    split = [(number, *line.partition(",")) for number, line in rows]
    for number, label, _, rest in split:
        if not (label.strip() and rest.strip()):
            reason = "should be a class and its texts: label;head ...; hand ... or label,word, word"
            raise FileError(str(file), reason, number)
    # Sentences end in a period, words do not.
    if 2 * sum(rest.rstrip().endswith(".") for *_, rest in split) > len(split):
        return [Collected(label.strip(), (), (rest.strip(),)) for _, label, _, rest in split]
    return [
        Collected(label.strip(), [name.strip() for name in rest.split(",") if name.strip()])
        for _, label, _, rest in split
    ]


def _parts(file: str, number: int, line: str) -> Collected:
    """Return the parts of a line; a field that does not name its part has the part of its place."""
    label, *fields = (text.strip() for text in line.split(";"))
    fields = [text for text in fields if text.strip(" .")]
    if not label or len(fields) != len(PARTS):
        reason = f"has {len(fields)} parts after the label, not {len(PARTS)} ({', '.join(PARTS)})"
        raise FileError(file, reason, number)
    named = [read_parts(text, PARTS) for text in fields]
    parts = [next(iter(found), place) for found, place in zip(named, PARTS, strict=True)]
    if set(parts) != set(PARTS):
        parts = list(PARTS)
    texts = zip(parts, named, fields, strict=True)
    return Collected(
        label,
        parts={part: (found.get(part) or phrase_after(text, part),) for part, found, text in texts},
    )
