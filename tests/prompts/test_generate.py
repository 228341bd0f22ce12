"""The generator of descriptions, against a local server that fails, stalls and talks nonsense."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from data_pipelines.errors import HostError, UserError
from data_pipelines.specs import class_texts
from data_pipelines.specs.skeletons import NTU25, PARTS
from gapjax.prompts import endpoint, generate
from gapjax.prompts.descriptions import load_texts
from gapjax.prompts.endpoint import Endpoint
from gapjax.prompts.questions import ask_of, missing, read_paragraph, read_parts, read_synonyms
from gapjax.prompts.strings import part_variants
from support.chat_server import Reply, Server, completion, send, serving, status

KEY = "sk-a-secret-of-the-tests"
LABELS = ["wave", "put on a shoe"]
MOVES = ("tilts", "opens", "swings", "turns", "bends", "steps")


def good(number: int, question: str) -> Reply:
    """Answer a question of GAP as it should be, each time in other words."""
    if question.startswith("Describe"):
        return f"A person moves in way {number}."
    if question.startswith("Suggest"):
        return ", ".join(f"word {number} of {i}th" for i in range(10))
    moves = (f"{part} {move} {number} times" for part, move in zip(PARTS, MOVES, strict=True))
    return "; ".join(moves) + "."


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(good) as running:
        yield running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make the client wait for nothing, and return for how long it would have waited."""
    kept: list[float] = []
    clock = type("Clock", (), {"monotonic": time.monotonic, "sleep": kept.append})
    monkeypatch.setattr(endpoint, "time", clock)
    return kept


def run(server: Server, folder: Path, *flags: str) -> int:
    labels = folder / "labels.txt"
    labels.write_text("\n".join(["", *LABELS]) + "\n")
    given = [f"--labels={labels}", f"--out={folder / 'mine.yaml'}", "--model=m"]
    return generate.main([*given, f"--endpoint={server.url}", "--samples=2", *flags])


def client(server: Server, **options: float) -> Endpoint:
    return Endpoint(server.url, "m", 0.5, KEY, **({"timeout": 0.2, "per_minute": 1e9} | options))


def test_the_papers_questions() -> None:
    """GAP's Figure 5 and STAR's section 3.2 (2), to the word."""
    asked = [each.text for each in ask_of("put on a shoe", generate.FIELDS, PARTS, "gap")]
    assert asked == [
        'Describe a person "put on a shoe" in details.',
        'Suggest 10 synonyms for "put on a shoe"',
        'Describing following body parts actions when "put on a shoe": '
        "head, hand, arm, hip, leg, foot.",
    ]
    (head, *others) = ask_of("drink water", ["parts"], PARTS, "star")
    assert head.text == "please describe the head actions simply when people drink water"
    assert [each.parts for each in others] == [(part,) for part in PARTS[1:]]


def test_from_labels_to_a_file(
    server: Server, waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The file is of gapjax's format, tells where it is from, and nothing is asked twice."""
    out, kept = tmp_path / "mine.yaml", tmp_path / "mine.answers.json"
    assert run(server, tmp_path) == 0
    assert "2 classes, 0 findings of the linter" in capsys.readouterr().out
    texts = load_texts(str(out), LABELS)
    assert len(texts[0].synonyms) == 20
    assert texts[0].paragraph == "A person moves in way 1."
    numbers = [1 + server.questions.index(question) for question in server.questions[:6]]
    assert numbers == [1, 1, 3, 3, 5, 5]
    assert part_variants(texts, ("head", "hand_arm"), "plain")[0] == [
        [f"wave, head tilts {i} times" for i in (5, 6)],
        [f"wave, hand opens {i} times, arm swings {i} times" for i in (5, 6)],
    ]
    class_texts.check_partitions(texts, NTU25.partitions, str(out))
    provenance = yaml.safe_load(out.read_text())["provenance"]
    assert (provenance["model"], provenance["temperature"], provenance["samples"]) == ("m", 0.7, 2)
    assert provenance["endpoint"] == server.url
    assert len(provenance["date"]) == len("2026-01-31")
    assert provenance["questions"][0]["question"] == 'Describe a person "LABEL" in details.'
    answers = json.loads(kept.read_text())["answers"]
    assert [entry["question"] for entry in answers] == server.questions
    assert {entry["endpoint"] for entry in answers} == {server.url}
    assert server.requests[0]["path"] == "/v1/chat/completions"
    assert server.requests[0]["temperature"] == 0.7
    # Sixty requests in a minute: one a second, had anybody waited.
    assert waits == pytest.approx(range(12), abs=0.5)
    # The key goes to the server, and nowhere else.
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert [path for path in tmp_path.iterdir() if KEY in path.read_text()] == []
    # A second run asks nothing, one with more samples only those.
    before = out.read_bytes()
    assert run(server, tmp_path) == 0
    assert (len(server.requests), out.read_bytes()) == (12, before)
    assert run(server, tmp_path, "--samples=3") == 0
    assert len(server.requests) == 18
    assert len(class_texts.load(out)[1].others) == 2
    # Another model is another run, whose answers are not mixed with these.
    assert run(server, tmp_path, "--model=n", "--samples=1") == 0
    assert len(server.requests) == 24
    assert class_texts.load(out)[0].others == ()
    # Whatever was changed by hand stays.
    out.write_text(out.read_text().replace("moves", "strolls"))
    capsys.readouterr()
    assert run(server, tmp_path, "--samples=4") == 2
    assert "is not what this command wrote last: move it away" in capsys.readouterr().err
    assert len(server.requests) == 24


def test_an_interrupted_run_goes_on(
    server: Server, waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Whether the endpoint fails or the user stops it, what was answered is kept."""
    server.reply = lambda number, question: good(number, question) if number < 6 else status(503)
    assert run(server, tmp_path, "--retries=3") == 1
    said = capsys.readouterr().err
    assert "has not answered 4 requests (the last: HTTP 503 Service Unavailable)" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "mine.yaml").exists()
    asked = len(server.requests)

    original = Endpoint.ask

    def ask(self: Endpoint, question: str, instructions: str) -> str:
        if len(server.requests) >= asked + 2:
            raise KeyboardInterrupt
        return original(self, question, instructions)

    server.reply = good
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "ask", ask)
        assert run(server, tmp_path) == 75
    assert "run the same command to continue" in capsys.readouterr().err
    assert run(server, tmp_path) == 0
    assert len(server.requests) == asked + 12 - 5
    assert not list(tmp_path.glob(".*.partial"))


def test_an_answer_that_misses_a_part_is_asked_for_again(
    server: Server, waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Once: nobody sees it. Always: it is reported, and asked for again by the next run."""
    count = {"shoe": 0, "wave": 0}

    def forgetful(number: int, question: str) -> Reply:
        answer = good(number, question)
        if question.startswith("Describing"):
            name = "shoe" if "shoe" in question else "wave"
            count[name] += 1
            if name == "shoe" or count[name] == 1:
                return str(answer).replace("foot", "toe")
        return answer

    server.reply = forgetful
    assert run(server, tmp_path) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "gapjax: put on a shoe: sample 1: no answer has foot"
    assert "2 of 12 answers are missing in" in said[2]
    assert count == {"wave": 3, "shoe": 6}
    wave, shoe = class_texts.load(tmp_path / "mine.yaml")
    assert (len(wave.parts), len(shoe.parts)) == (6, 0)
    server.reply = good
    assert run(server, tmp_path) == 0
    assert len(server.requests) == 4 + 3 + 4 + 6 + 2
    assert len(class_texts.load(tmp_path / "mine.yaml")[1].parts) == 6


def stall(handler: object) -> None:
    time.sleep(0.5)


def dribble(handler: object) -> None:
    """Send a byte now and then."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(8):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.06)


FAILURES = {
    "a fault": (status(500), "HTTP 500"),
    "too many": (status(429, Retry_After="7"), "HTTP 429"),
    "no JSON": (status(200, "<html>welcome</html>"), "no chat completion; does --endpoint end"),
    "other JSON": (status(200, "[[]]"), "no chat completion"),
    "hanging up": (lambda handler: handler.connection.close(), "the connection broke"),
    "stalling": (stall, "no whole answer within 0.2 seconds"),
    "dribbling": (dribble, "no whole answer within 0.2 seconds"),
    "cut off": (
        lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        "the connection broke: IncompleteRead",
    ),
    "endless": (status(200, " " * (1 << 21)), "an answer of more than a megabyte"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_are_tried_again(server: Server, failure: str) -> None:
    """Each failure alone, and its name when it goes on."""
    reply, reason = FAILURES[failure]
    server.reply = lambda number, question: reply if number == 1 else "yes"
    with pytest.MonkeyPatch.context() as patch:
        kept: list[float] = []
        patch.setattr(
            endpoint, "time", type("C", (), {"monotonic": time.monotonic, "sleep": kept.append})
        )
        assert client(server).ask("?", "!") == "yes"
        assert (7.0 if failure == "too many" else 1.0) in kept
        server.reply = lambda number, question: reply
        with pytest.raises(HostError, match=f"has not answered 1 requests .the last: .*{reason}"):
            client(server, retries=0).ask("?", "!")


def test_back_off_doubles(server: Server, waits: list[float]) -> None:
    server.reply = lambda number, question: status(502)
    with pytest.raises(HostError):
        client(server, retries=8).ask("?", "!")
    assert [wait for wait in waits if wait > 1e-3] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_nobody_listens(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(HostError, match=r"no connection: .*refused"):
        Endpoint("http://127.0.0.1:9/v1", "m", 0.0, retries=1).ask("?", "!")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (status(401, f"no {KEY}"), "does not accept the key in OPENAI_API_KEY (HTTP 401)"),
        (status(404, '{"error": {"message": "no model m"}}'), "(HTTP 404): no model m"),
        (status(400, f'{{"error": "bad {KEY}"}}'), "(HTTP 400): bad ***"),
        (status(302, Location="http://127.0.0.1:9/"), "is a redirect: give --endpoint the address"),
        (
            lambda handler: handler.wfile.write(
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{"
            ),
            "(HTTP 400): Bad Request",
        ),
    ],
)
def test_what_a_user_can_correct(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture, reply: Reply, expected: str
) -> None:
    """One request, one line, status 2, and no key in it."""
    server.reply = lambda number, question: reply
    assert run(server, tmp_path) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert KEY not in said
    assert (len(server.requests), len(said.splitlines())) == (1, 1)


def test_a_server_without_a_key(
    server: Server, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    none = Endpoint(server.url + "/chat/completions", "m", 0.0)
    assert none.ask("Describe", "!") == "A person moves in way 1."
    assert server.keys == [None]
    server.reply = lambda number, question: status(401)
    with pytest.raises(UserError, match="needs a key: set OPENAI_API_KEY"):
        none.ask("?", "!")


@pytest.mark.parametrize("url", ["api.openai.com", "ftp://x/v1", "http://", "http://a:b@c/v1"])
def test_a_bad_address(url: str) -> None:
    with pytest.raises(UserError, match="--endpoint"):
        Endpoint(url, "m", 0.0)
    with pytest.raises(UserError, match="OPENAI_API_KEY is no key") as caught:
        Endpoint("http://c/v1", "m", 0.0, "sk-\x00hidden")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("body", [completion(None), completion("head tilts", "length")])
def test_answers_that_are_none(server: Server, waits: list[float], body: str) -> None:
    """No content, or one that is cut off, is an answer that misses everything."""
    server.reply = lambda number, question: lambda handler: send(handler, 200, body)
    assert client(server).ask("?", "!") == ""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("head tilts back; hand: grasps a cup.", {"head": "tilts back", "hand": "grasps a cup"}),
        ("**Head:** Tilts back.\n- **The hand** grasps.", {"head": "tilts back", "hand": "grasps"}),
        ("Head:\n  - Tilts\n  back.\nHand:\n", {"head": "tilts back"}),
        ("1. Head - tilts\n2. Hand(s) - grasp", {"head": "tilts", "hand": "grasp"}),
        ("<think>head?</think>hand grasps; Hand waves", {"hand": "grasps"}),
        ("The header is lost; handle it", {}),
        ("I'm sorry, I can't.", {}),
        ("%$# 12 ...", {}),
        ("", {}),
    ],
)
def test_parts_of_an_answer(answer: str, expected: dict[str, str]) -> None:
    assert read_parts(answer, ["head", "hand"]) == expected


def test_answers_in_other_forms() -> None:
    """A part alone, feet, parts of another body, synonyms, paragraphs."""
    assert read_parts("The head tilts back.", ["head"]) == {"head": "tilts back"}
    assert read_parts("Tilts back.", ["head"]) == {"head": "tilts back"}
    assert read_parts("I cannot help.", ["head"]) == read_parts("???", ["head"]) == {}
    assert read_parts("feet stay still", ["leg", "foot"]) == {"foot": "stay still"}
    fingers = read_parts("index finger bends; Left wing: beats", ["index finger", "left_wing"])
    assert fingers == {"index finger": "bends", "left_wing": "beats"}
    listed = (
        'Here are synonyms:\n1. **Sip**\n2) "Gulp"\n- drink\n* sip\nand this is a sentence of words'
    )
    assert read_synonyms(listed, "drink") == ("sip", "gulp")
    assert read_paragraph('"A man\n  **drinks** some water."') == "A man drinks some water."
    assert read_paragraph("A man drinks some wat") == read_paragraph("Sorry, I am no one.") == ""
    paragraph, synonyms, parts = ask_of("drink", generate.FIELDS, PARTS, "gap")
    assert missing(paragraph, "no") == "a whole paragraph"
    assert missing(synonyms, "sip, gulp") == "synonyms (there are 2)"
    assert missing(parts, "head tilts; arm lifts; leg bends; hip turns") == "hand, foot"


def test_one_question_a_part(server: Server, waits: list[float], tmp_path: Path) -> None:
    """STAR's style, with the parts of another body."""
    server.reply = lambda number, question: f"bends {number} times."
    flags = ["--style=star", "--fields=parts", "--parts=thumb,index finger", "--samples=1"]
    assert run(server, tmp_path, *flags) == 0
    assert server.questions[1] == "please describe the index finger actions simply when people wave"
    assert class_texts.load(tmp_path / "mine.yaml")[1].parts == {
        "thumb": "bends 3 times",
        "index finger": "bends 4 times",
    }


RELEASED = {
    "gap.txt": (
        "drink;head tilts; hand grasps a cup; arm lifts; hip stays still; leg stands; foot rests.\n"
        "sit;she looks ahead; hand: rests; arm hangs; hip lowers; leg bends; foot is flat.\n"
    ),
    "star.txt": (
        "drink; Head: Tilts far; Hand: Grasps; Arm: Lifts; Hip: Rests; Leg: Rests; Foot: Rests.;\n"
        "sit; Head: Nods; Hand: Opens; Arm: Hangs; Hip: Lowers; Leg: Bends; Foot: Rests.\n"
    ),
    "words.txt": "drink,sip, gulp, drink\nsit,take a seat\nwave,greet\n",
    "sentences.txt": "drink,She drinks, slowly.\nsit,He sits.\n",
}


def test_released_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Both papers' lines; several files of a kind are several texts."""
    files = [tmp_path / name for name in RELEASED]
    for file in files:
        file.write_text(RELEASED[file.name])
    out = tmp_path / "out.yaml"
    given = ["--from-released", *map(str, files), f"--out={out}"]
    assert generate.main(given) == 0
    drink, sit = class_texts.load(out)
    assert drink.synonyms == ("sip", "gulp")
    assert (drink.paragraph, sit.paragraph) == ("She drinks, slowly.", "He sits.")
    assert [one.parts["head"] for one in drink.variants()] == ["tilts", "tilts far"]
    assert [one.parts["head"] for one in sit.variants()] == ["she looks ahead", "nods"]
    assert [one.parts["foot"] for one in sit.variants()] == ["is flat", "rests"]
    assert yaml.safe_load(out.read_text())["provenance"] == {"released": list(RELEASED)}
    assert generate.main(given) == 2
    labels = tmp_path / "dataset.yaml"
    labels.write_text("labels: [drink water]\n")
    out.unlink()
    assert generate.main([*given, f"--labels={labels}"]) == 0
    assert "'drink water' is what" in capsys.readouterr().out
    assert [text.label for text in class_texts.load(out)] == ["drink water"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;head x; hand y\n", "line 1: has 2 parts after the label, not 6 (head, hand, arm"),
        ("a,b\n\nnothing\n", "line 3: should be a class and its texts: label;head ...;"),
        ("", "is empty"),
        ("a,b\n", "describes 1 classes, 2 are asked for"),
    ],
)
def test_bad_released_files(
    tmp_path: Path, capsys: pytest.CaptureFixture, content: str, expected: str
) -> None:
    (tmp_path / "x.txt").write_text(content)
    (tmp_path / "labels.txt").write_text("a\nb\n")
    given = ["--from-released", str(tmp_path / "x.txt"), f"--labels={tmp_path / 'labels.txt'}"]
    assert generate.main([*given, f"--out={tmp_path / 'out.yaml'}"]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize(
    ("name", "content", "flags", "expected"),
    [
        ("l.txt", "a\na\n", [], "'a' is there twice"),
        ("l.txt", "\n", [], "has no classes"),
        ("l.yaml", "joints: [a]\n", [], "labels is missing; add it"),
        ("l.txt", "a\n", ["--out=x.txt"], "--out=x.txt should end in .yaml"),
        ("l.txt", "a\n", ["--model="], "--model is missing"),
        ("nowhere.txt", None, [], "cannot be read as text"),
    ],
)
def test_mistakes(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    name: str,
    content: str | None,
    flags: list[str],
    expected: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    given = [f"--labels={tmp_path / name}", f"--out={tmp_path / 'o.yaml'}", "--model=m"]
    assert generate.main([*given, *flags]) == 2
    assert expected in capsys.readouterr().err


def test_a_damaged_file_of_answers(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "mine.answers.json").write_text("{")
    assert run(server, tmp_path) == 2
    assert "has no answers of an earlier run: move it away" in capsys.readouterr().err
