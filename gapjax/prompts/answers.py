"""The answers of a language model: one JSON file, from which an interrupted run goes on."""

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

from data_pipelines.errors import DataError
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.prompts.questions import Question

_REMEDY = "choose another --out"
_KEY = ("question", "instructions", "sample", "endpoint", "model", "temperature")


class Answers:
    """The answers to questions, each with where and when it is from.

    An answer belongs to its question, its instructions, endpoint, model and temperature: what
    another model has answered is kept in the file, and not used.

    Attributes:
        file: where they are.
        written: a digest of the descriptions that were last made of them; empty for none.
    """

    def __init__(self, file: Path, endpoint: str, model: str, temperature: float) -> None:
        """Read the file, if it is there.

        Raises:
            DataError: it is not what this class writes.
        """
        self.file = file
        self._source = {"endpoint": endpoint, "model": model, "temperature": temperature}
        self.written = ""
        self._entries: dict[tuple[Any, ...], dict[str, Any]] = {}
        if not file.exists():
            return
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            self.written = content["written"]
            self._entries = {_key(entry): entry for entry in content["answers"]}
        except (OSError, ValueError, LookupError, TypeError):
            reason = "has no answers of an earlier run: move it away, or choose another --out"
            raise DataError(f"{file} {reason}") from None

    def get(self, question: Question, sample: int) -> dict[str, str]:
        """Return an `answer` and its `date`; nothing if there is none yet."""
        return self._entries.get(_key(self._entry(question, sample)), {})

    def add(self, question: Question, sample: int, answer: str) -> None:
        """Keep an answer, in the file and at once."""
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        entry = self._entry(question, sample) | {"date": date, "answer": answer}
        self._entries[_key(entry)] = entry
        self._save()

    def wrote(self, descriptions: bytes) -> None:
        """Keep a digest of the descriptions that are made of the answers."""
        self.written = digest(descriptions)
        self._save()

    def _entry(self, question: Question, sample: int) -> dict[str, Any]:
        asked = {"question": question.text, "instructions": question.instructions}
        return {**asked, "sample": sample, **self._source}

    def _save(self) -> None:
        content = {"written": self.written, "answers": list(self._entries.values())}
        with writing(self.file, _REMEDY), replacing_file(self.file, single_writer=True) as file:
            file.write(json.dumps(content, indent=1, ensure_ascii=False).encode())


def digest(content: bytes) -> str:
    """Return a digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _key(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in _KEY)
