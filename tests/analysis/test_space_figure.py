"""Points of clips and texts: their projections, and the figure with its table."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.analysis import projection
from gapjax.analysis.space_figure import Panel, write


def test_principal_components_keep_a_plane() -> None:
    """Distances within a plane of many dimensions stay; the first axis is the longer one."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(9, 2)) * (5, 1)
    axes, _ = np.linalg.qr(rng.normal(size=(7, 2)))
    found = projection.pca(plane @ axes.T + rng.normal(size=7))
    for each in (plane, found):
        each -= each[0].copy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(plane, axis=1))
    assert found[:, 0].std() > found[:, 1].std()
    assert projection.pca(np.ones((1, 1))).tolist() == [[0.0, 0.0]]


def test_tsne_names_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(UserError, match=r"pip install gapjax\[tsne\], or take --projection=pca"):
        projection.tsne(np.eye(4))


def test_tsne_parts_two_groups() -> None:
    pytest.importorskip("sklearn")
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    vectors[20:] += 9
    first, second = np.split(projection.tsne(vectors), 2)
    assert np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) > 3 * first.std()


def test_every_point_is_in_the_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts, parts = rng.normal(size=(3, 2)), rng.normal(size=(3, 2, 2))
    clips, label = rng.normal(size=(5, 2)), np.array([0, 1, 1, 2, 0])
    empty = np.zeros((3, 0, 2))
    classes = ["nod", "bow", "hug"]
    skeletons = Panel("a run\nwhole body", classes, clips, label, texts, empty)
    words = Panel("texts", classes, clips[:0], label[:0], texts, parts, ("head", "leg_foot"))
    path = write([[skeletons, words], [skeletons]], "Title", ["about"], tmp_path / "new" / "x.png")
    assert path.stat().st_size > 10_000
    rows = list(csv.DictReader(path.with_suffix(".csv").read_text().splitlines()))
    assert len(rows) == 2 * (5 + 3) + 3 + 6
    assert {row["panel"] for row in rows} == {"a run: whole body", "texts"}
    (found,) = [row for row in rows if (row["class"], row["kind"]) == ("hug", "text of leg_foot")]
    np.testing.assert_allclose((float(found["x"]), float(found["y"])), parts[2, 1], atol=1e-4)
