"""The papers' questions to a language model, and what is taken from its answers.

The questions are those of GAP's Figure 5 and STAR's section 3.2 (2), to the word. Models that chat
also need to be told the form of the answer: `INSTRUCTIONS`, the system message.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gapjax.prompts.rules import SYNONYMS

FIELDS = ("paragraph", "synonyms", "parts")
# Who asks for parts: GAP for all at once, STAR for each alone.
STYLES = ("gap", "star")

# The fewest synonyms of a usable answer; several answers are united.
ENOUGH_SYNONYMS = 5
_LONGEST_SYNONYM = 6  # words; a longer one is a sentence, not a name

_PHRASE = (
    "continues after the part's name, tells only what that part does, has no other subject and no "
    'period. Of a part that does not move say "stays still".'
)
INSTRUCTIONS = {
    "paragraph": "Answer with one paragraph of plain text of at most 45 words and nothing else.",
    "synonyms": "Answer with the synonyms alone, in one line, separated by commas.",
    "parts": (
        "Answer in one line of plain text and nothing else: of every part its name and a short "
        f"phrase, separated by semicolons. A phrase {_PHRASE}"
    ),
    "part": f"Answer with a short phrase of plain text and nothing else. It {_PHRASE}",
}

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_REFUSAL = re.compile(
    r"\W*(?:i\W?m sorry|i am sorry|sorry|i cannot|i can\Wt|as an ai)\b", re.IGNORECASE
)
_QUOTES = " \"'\u201c\u201d"
_MARKS = f"{_QUOTES}.;,:*-\u2013\u2014"
_ANNOUNCED = re.compile(r"^.*:\s*$", re.MULTILINE)  # "Here are ten synonyms:"
_ENUMERATED = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """A question about a class.

    Attributes:
        label: the class.
        field: which field of its description the answer fills, one of `FIELDS`.
        text: the question.
        instructions: the form that the answer should have.
        parts: the parts of the body that the answer should describe.
    """

    label: str
    field: str
    text: str
    instructions: str
    parts: tuple[str, ...] = ()


def ask_of(
    label: str, fields: Sequence[str], parts: Sequence[str], style: str
) -> Iterator[Question]:
    """Yield the questions about a class.

    >>> [question.text for question in ask_of("bow", ["parts"], ["head"], "star")]
    ['please describe the head actions simply when people bow']
    """
    if "paragraph" in fields:
        text = f'Describe a person "{label}" in details.'
        yield Question(label, "paragraph", text, INSTRUCTIONS["paragraph"])
    if "synonyms" in fields:
        text = f'Suggest {SYNONYMS} synonyms for "{label}"'
        yield Question(label, "synonyms", text, INSTRUCTIONS["synonyms"])
    if "parts" in fields and style == "gap":
        names = ", ".join(map(_spoken, parts))
        text = f'Describing following body parts actions when "{label}": {names}.'
        yield Question(label, "parts", text, INSTRUCTIONS["parts"], tuple(parts))
    for part in parts if "parts" in fields and style == "star" else ():
        text = f"please describe the {_spoken(part)} actions simply when people {label}"
        yield Question(label, "parts", text, INSTRUCTIONS["part"], (part,))


def missing(question: Question, answer: str) -> str:
    """Return what an answer lacks, in words; empty if it can be used."""
    if question.field == "paragraph":
        return "" if read_paragraph(answer) else "a whole paragraph"
    if question.field == "synonyms":
        found = len(read_synonyms(answer, question.label))
        return "" if found >= ENOUGH_SYNONYMS else f"synonyms (there are {found})"
    found_parts = read_parts(answer, question.parts)
    return ", ".join(part for part in question.parts if part not in found_parts)


def read_paragraph(answer: str) -> str:
    """Return the paragraph of an answer; empty if it is none, is cut off or refuses."""
    text = _plain(answer).strip(_QUOTES)
    whole = text.endswith((".", "!", "?")) and len(text.split()) >= 5
    return text if whole and not _REFUSAL.match(text) else ""


def read_synonyms(answer: str, label: str) -> tuple[str, ...]:
    r"""Return the distinct synonyms of an answer, in lower case, without the label.

    >>> read_synonyms("1. Sip\n2. Gulp down.\n3. sip", "drink")
    ('sip', 'gulp down')
    """
    if _REFUSAL.match(answer):
        return ()
    lines = _ENUMERATED.sub("", _ANNOUNCED.sub("", _THOUGHT.sub("", answer)))
    names = (_plain(name).strip(_MARKS).lower() for name in re.split(r"[,;\n]", lines))
    wanted = (name for name in names if 0 < len(name.split()) <= _LONGEST_SYNONYM)
    return tuple(dict.fromkeys(name for name in wanted if name != label.lower()))


def read_parts(answer: str, parts: Sequence[str]) -> dict[str, str]:
    """Return the movements of the parts that an answer describes: part → phrase after its name.

    An answer to the question for a single part need not name it.

    >>> read_parts("Head: Tilts back; the hand grasps a cup.", ["head", "hand", "foot"])
    {'head': 'tilts back', 'hand': 'grasps a cup'}
    """
    answer = _THOUGHT.sub("", answer).strip()
    names = {_spoken(part): part for part in parts}
    if "foot" in names:
        names["feet"] = "foot"
    either = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    start = re.compile(
        rf"(?:^|[;\n])[\W\d]*(?:(?:the|his|her|their)\s+)?({either})(?:s|\(s\))?(?!\w)[^\w;\n]*",
        re.IGNORECASE,
    )
    starts = list(start.finditer(answer))
    ends = [match.start() for match in starts[1:]] + [len(answer)]
    found: dict[str, str] = {}
    for match, end in zip(starts, ends, strict=False):
        movement = phrase_after(answer[match.end() : end], match[1])
        if movement:
            found.setdefault(names[match[1].lower()], movement)
    if not starts and len(parts) == 1 and not _REFUSAL.match(answer):
        found = {parts[0]: movement} if (movement := phrase_after(answer, parts[0])) else {}
    return found


def phrase_after(text: str, name: str) -> str:
    """Return a text without a part's name, marks and capital before it; empty without words.

    >>> phrase_after(" The head: Tilts back.", "head")
    'tilts back'
    """
    text = _plain(text).strip(_MARKS)
    text = re.sub(rf"^(?:the )?{re.escape(name)}s?\b\W*", "", text, flags=re.IGNORECASE)
    return text[:1].lower() + text[1:] if re.search(r"[^\W\d_]", text) else ""


def _plain(text: str) -> str:
    """Return a text in one line, without the marks of Markdown."""
    return " ".join(re.sub(r"\*\*|__|`|^#+", " ", _THOUGHT.sub("", text)).split())


def _spoken(part: str) -> str:
    return part.replace("_", " ")
