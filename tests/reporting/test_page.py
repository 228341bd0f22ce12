"""The file of a report: it holds its data safely, loads nothing, and is small."""

import builtins
import json
import pathlib
import re
from typing import Any

import numpy as np
import pytest

from gapjax import report
from gapjax.reporting import page
from gapjax.workdir.scores import Scores
from support import written_runs

BAD = '</script><b>x</b> & "quoted" <!-- \N{LINE SEPARATOR}'


def data_of(text: str) -> dict[str, Any]:
    """Return the data in a page, as a browser reads them."""
    (data,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL
    )
    return json.loads(data)


def test_the_command(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("plotly")
    first, second = written_runs.zero_shot(1), written_runs.zero_shot(2)
    labels = [BAD, *(f"class {k}" for k in range(1, 7))]
    workdirs = [
        str(written_runs.write(tmp_path / name, of, labels))
        for name, of in (("<i>a", first), ("b", second))
    ]
    assert report.main([*workdirs, "--clips=3"]) == 0
    path = pathlib.Path(workdirs[0], "report.html")
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{path}: ")
    # The dataset `own` is nowhere: the clips are listed, and one line says why they do not move.
    assert printed.err.count("\n") == 2
    text = path.read_text()
    shown = data_of(text)
    assert [run["name"] for run in shown["runs"]] == ["<i>a", "b"]
    assert BAD in {row["name"] for row in shown["runs"][0]["classes"]}
    assert BAD not in text
    assert "<title>&lt;i&gt;a, b: report of gapjax</title>" in text
    clips = shown["runs"][0]["mistakes"]
    assert len(clips["clips"]) == 3
    assert "own" in clips["missing"]
    for name in page.PROGRAMS:
        assert page._file(name) in text
    own = text.replace(page._plotly(), "")
    assert not re.search(r"""(src|href|action)=|url\(|import\s|fetch\(|https?://""", own)
    assert "default-src 'none'" in own


@pytest.mark.slow
def test_many_samples_and_classes_fit_into_20_megabytes(tmp_path: pathlib.Path) -> None:
    """As many as NTU RGB+D 120 has, of a zero-shot run."""
    pytest.importorskip("plotly")
    unseen = " ".join(str(k) for k in range(0, 120, 12))
    of = written_runs.scores(1, 18_932, 120, 2.0, unseen=unseen)
    workdir = written_runs.write(tmp_path / "a", of)
    assert report.main([str(workdir), f"--out={tmp_path / 'x.html'}"]) == 0
    assert (tmp_path / "x.html").stat().st_size < 20e6 / 2


def test_mistakes_are_one_line(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score, label = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int32)
    of = Scores(score, label, np.array(list("abc")), {"seed": "1"})
    workdir = str(written_runs.write(tmp_path / "a", of))
    for arguments, expected in (
        ([str(tmp_path)], "a working directory?"),
        ([workdir, workdir], "given twice"),
        ([workdir, "--scores=validation"], "validation.npz is missing"),
    ):
        assert report.main(arguments) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert expected in said
    with pytest.raises(SystemExit):
        report.main([workdir, "--out=x.pdf"])
    assert "must end in .html" in capsys.readouterr().err

    real = builtins.__import__

    def without_plotly(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("plotly"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_plotly)
    assert report.main([workdir]) == 2
    said = capsys.readouterr().err
    assert said == "gapjax: a report needs Plotly for its charts: pip install 'gapjax[report]'\n"
    assert not pathlib.Path(workdir, "report.html").exists()
