"""What the linter looks for in descriptions of classes."""

import collections
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from data_pipelines.specs.skeletons import PARTS
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings, part_strings

# CLIP reads 77 tokens; the margin is for words of several tokens.
MOST_TOKENS = 72
SYNONYMS = 10
# The parts of all partitions that strings are made for.
GROUPS = ("upper", "lower", *PARTS)

# Whom a phrase is about, and on which sides it happens; both may stand before a movement.
_PERSONS = re.compile(r",? ?in (?:both persons|one person|the other),? ")
_SIDES = re.compile(
    r"(?:left and right(?: together)?|on (?:that|one|both|each|the) (?:sides?|left|right))"
    r"(?: alone)?,? "
)
_SUBJECT = re.compile(r"(?:one|both|the|each|either|two|an?|his|her|its|their) \w+")
_REST = re.compile(
    r"(?:stays?|remains?|rests?|keeps?|stands?|hangs?|lies|sits|faces|does not|takes no"
    r"|is (?:still|at rest|quiet|idle|calm|passive|motionless|relaxed|planted|set|straight|upright"
    r"|steady))\b"
)
# All that a part at rest may tell: that it rests, its posture, and nothing of what others do.
_WORDS = """
    a ahead alone along an and angle apart at backward before belly bend bends bent beside body
    both by calm chest close closed crossed does down elbow elbows empty face faces flat floor
    forearm forearms forward free from front ground hang hanging hangs head height held high hip
    hips idle in is its keep keeps knee knees left level lie lies line little long loose loosely
    low motionless move moves moving no not of on one open other palm palms part passive person
    persons place planted quiet relaxed remain remains rest resting rests right shoulder
    shoulders side sides sit sits slightly spot stand standing stands stay stays steady step
    still straight take takes the thigh to together trunk turned up upright waist wide with
    without wrist wrists
"""
_POSTURE = frozenset(_WORDS.split())
_VOWEL = re.compile(r"\ba (?!one\b|once\b|uni|use|usu|eu|u\b)(?=[aeiou])", re.IGNORECASE)
_CONSONANT = re.compile(r"\ban (?!hour|honest|heir)(?=[b-df-hj-np-tv-z][a-z])", re.IGNORECASE)
_TWICE = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)
_SMALL = re.compile(r"\b(?:a|an|the|one's|some)\b")


def problems(texts: Sequence[ClassText]) -> Iterator[str]:
    """Yield the problems of descriptions, one line each."""
    for text in texts:
        yield from _names(text)
        of_variants = [problem for one in text.variants() for problem in _of_one(one)]
        yield from dict.fromkeys(of_variants)
        yield from _movements(text)
    yield from _missing(texts)
    yield from _shared_names(texts)
    yield from _words(texts)
    for first, second in itertools.combinations(texts, 2):
        if first.parts and _all_parts(first) == _all_parts(second):
            yield f"{first.label} and {second.label} are alike in all parts"
        if first.manual and first.manual == second.manual:
            yield f"{first.label} and {second.label} are alike in their manual description"


def _of_one(text: ClassText) -> Iterator[str]:
    """Yield the problems of a description with one text of everything."""
    for part, movement in text.parts.items():
        for problem in movement_problems(part, movement):
            yield f"{text.label}: {part}: {problem}"
    yield from _language(text)


def movement_problems(part: str, movement: str) -> Iterator[str]:
    """Yield what is wrong with the movement of a part, a phrase that follows the part's name."""
    if movement.lower().startswith(f"{part} ") or movement.endswith("."):
        yield "should continue after the part's name, without a period"
    for clause in filter(None, _PERSONS.split(movement.lower())):
        phrase = _SIDES.sub("", clause, count=1) if _SIDES.match(clause) else clause
        if subject := _SUBJECT.match(phrase):
            yield f"has a second subject, {subject[0]!r}: {part} {movement}"
        words = re.findall(r"[a-z]+", phrase)
        others = [word for word in words if word not in _POSTURE]
        if _REST.match(phrase) and " then " not in phrase and others:
            told = ", ".join(map(repr, others))
            yield f"is at rest and tells more than its posture, {told}: {part} {movement}"


def _movements(text: ClassText) -> Iterator[str]:
    """Yield what is wrong with the atomic movements of a class."""
    starts = tuple(f"{part.replace('_', ' ')} " for part in text.parts or PARTS)
    for movement in text.manual.split(", ") if text.manual else ():
        if not movement.startswith(starts):
            yield f"{text.label}: manual: does not begin with a part of the body: {movement}"
    if text.manual.endswith("."):
        yield f"{text.label}: manual: should have no period"


def shared(texts: Sequence[ClassText]) -> dict[str, int]:
    """Return for each part how many classes have a text that another class has, too."""
    counts = {
        part: collections.Counter(text.parts[part] for text in texts if part in text.parts)
        for part in part_names(texts)
    }
    return {part: sum(n for n in count.values() if n > 1) for part, count in counts.items()}


def _all_parts(text: ClassText) -> list[Mapping[str, str]]:
    return [one.parts for one in text.variants()]


def part_names(texts: Sequence[ClassText]) -> tuple[str, ...]:
    """Return the parts that some class describes."""
    return tuple(dict.fromkeys(part for text in texts for part in text.parts))


def _missing(texts: Sequence[ClassText]) -> Iterator[str]:
    for text in texts:
        lacking = [repr(part) for part in part_names(texts) if part not in text.parts]
        if lacking:
            yield f"{text.label}: describes no {', '.join(lacking)}, which another class does"
        if not text.manual and any(other.manual for other in texts):
            yield f"{text.label}: has no manual, which another class has"


def _words(texts: Sequence[ClassText]) -> Iterator[str]:
    """Yield the classes without a verb or noun that others have, and those of the same two."""
    classes: dict[tuple[str, str], list[str]] = {}
    for text in texts if any(text.verb or text.noun for text in texts) else ():
        classes.setdefault((text.verb.lower(), text.noun.lower()), []).append(text.label)
        for field in ("verb", "noun"):
            if not getattr(text, field):
                yield f"{text.label}: has no {field}, which another class has"
    for (verb, noun), labels in classes.items():
        if len(labels) > 1 and verb and noun:
            yield f"{' and '.join(labels)} have the same verb and noun, {verb!r} and {noun!r}"


def _names(text: ClassText) -> Iterator[str]:
    names = {name.lower() for name in (text.label, *text.synonyms)}
    if len(names) < 1 + SYNONYMS or len(names) != 1 + len(text.synonyms):
        yield f"{text.label}: {SYNONYMS} synonyms are asked for, all different from the label"


def _language(text: ClassText) -> Iterator[str]:
    groups = GROUPS if set(PARTS) <= set(text.parts) else tuple(text.parts)
    whole = [text.paragraph, *part_strings([text], groups, "plain")[0]]
    if text.manual:
        whole += global_strings([text], "manual")[0]
    for string in (text.paragraph, text.manual, *text.synonyms, *text.parts.values()):
        if _VOWEL.search(string) or _CONSONANT.search(string):
            yield f"{text.label}: a or an? {string}"
        if twice := _TWICE.search(string):
            yield f"{text.label}: {twice[1]!r} is there twice: {string}"
    for string in whole:
        count = len(re.findall(r"\w+|[^\w\s]", string)) + 2
        if count > MOST_TOKENS:
            yield f"{text.label}: {count} words and marks, at most {MOST_TOKENS} fit: {string}"


def _shared_names(texts: Sequence[ClassText]) -> Iterator[str]:
    """Yield the names that stand for two classes; articles and case do not count."""
    classes: dict[str, dict[str, None]] = {}
    for text in texts:
        for name in (text.label, *text.synonyms):
            key = " ".join(_SMALL.sub(" ", name.lower()).split())
            classes.setdefault(key, {})[text.label] = None
    for name, labels in classes.items():
        if len(labels) > 1:
            yield f"{name!r} names {' and '.join(labels)}"
