"""Asks a language model all questions, and collects what it answers."""

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from gapjax.prompts.answers import Answers
from gapjax.prompts.collected import Collected
from gapjax.prompts.endpoint import Endpoint
from gapjax.prompts.questions import (
    Question,
    missing,
    read_paragraph,
    read_parts,
    read_synonyms,
)


def ask_all(
    asked: Sequence[Question],
    samples: int,
    known: Answers,
    endpoint: Endpoint,
    attempts: int,
) -> Iterator[str]:
    """Ask whatever has no answer yet, and yield what is missing in the end, in words.

    Args:
        asked: the questions.
        samples: how many answers each should have.
        known: the answers so far, to which new ones are added one by one.
        endpoint: who is asked.
        attempts: how often a question is asked until its answer has all it should have.
    """
    wanted = [
        (question, sample)
        for question in asked
        for sample in range(samples)
        if missing(question, known.get(question, sample).get("answer", ""))
    ]
    for question, sample in tqdm(wanted, desc="questions", disable=None):
        for _ in range(attempts):
            answer = endpoint.ask(question.text, question.instructions)
            lacking = missing(question, answer)
            if not lacking:
                known.add(question, sample, answer)
                break
        else:
            yield f"{question.label}: sample {sample + 1}: no answer has {lacking}"


def collect(label: str, asked: Sequence[Question], samples: int, known: Answers) -> Collected:
    """Return the texts in all answers about a class."""
    paragraphs: list[str] = []
    synonyms: list[str] = []
    parts: dict[str, list[str]] = {}
    for question in (each for each in asked if each.label == label):
        said = [known.get(question, sample).get("answer") for sample in range(samples)]
        for answer in filter(None, said):
            if question.field == "paragraph":
                paragraphs.append(read_paragraph(answer))
            elif question.field == "synonyms":
                synonyms += read_synonyms(answer, label)
            else:
                for part, text in read_parts(answer, question.parts).items():
                    parts.setdefault(part, []).append(text)
    ordered = {part: parts[part] for each in asked for part in each.parts if part in parts}
    return Collected(label, synonyms, paragraphs, ordered)
