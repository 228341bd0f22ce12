"""The documentation: what it names exists."""

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "launch/*.md", "tests/parity/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
ROOTS = "gapjax|data_pipelines|configs|tests|launch|docs"


def text(page: str) -> str:
    return (ROOT / page).read_text()


def defines(path: Path, name: str) -> bool:
    """Return whether a Python file defines a function, a class or a constant of this name."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(
        getattr(node, "name", None) == name
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name)
        for node in nodes
    )


def missing_code(page: str) -> Iterator[str]:
    """Yield what a page names in backquotes that is no file or no definition in one."""
    for code in re.findall(r"`([^`\n]+)`", text(page)):
        path, _, name = code.partition("::")
        if not re.fullmatch(rf"({ROOTS})(/[\w.]+)+/?", path):
            if not (page == "docs/fidelity.md" and path.endswith(".py") and "/" in path):
                continue
            path = f"tests/{path}"
        if Path(path).stem == "mine":
            continue
        if not (ROOT / path).exists() or (name and not defines(ROOT / path, name)):
            yield code


@pytest.mark.parametrize("page", PAGES)
def test_files_and_definitions_exist(page: str) -> None:
    assert not list(missing_code(page))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", text(page))
    files = [link for link, _ in links if link and "://" not in link]
    assert [link for link in files if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_variants_exist(page: str) -> None:
    for module in re.findall(r"python -m ((?:gapjax|data_pipelines)[\w.]*)", text(page)):
        assert ROOT.joinpath(*module.split(".")).with_suffix(".py").exists(), module
    for tool in re.findall(r"python -m (stress\.\w+)", text(page)):
        assert ROOT.joinpath("tests", *tool.split(".")).with_suffix(".py").exists(), tool
    for name, variants in re.findall(r"configs/(\w+)\.py:([a-z0-9_,]+)", text(page)):
        known = importlib.import_module(f"configs.{name}").VARIANTS
        assert set(variants.split(",")) - {""} <= set(known), f"{name}:{variants}"


def test_the_caption_of_the_demos_picture_is_its_seeds_result() -> None:
    (caption,) = re.findall(r"STAR, seed 1: ([\d.]+) %", text("README.md"))
    assert f"by seed STAR has {caption}, " in text("docs/results.md")


def test_every_row_of_fidelity_names_a_test() -> None:
    rows = [line for line in text("docs/fidelity.md").splitlines() if line.startswith("| ")]
    tests = [row.rstrip("| ").rpartition(" | ")[2] for row in rows if not row.endswith("| test |")]
    assert len(tests) > 40
    assert not [cell for cell in tests if not re.match(r"`[\w/]+\.py::test_\w+`", cell)]


def test_every_cited_fact_is_there() -> None:
    """A docstring's "facts C.4" is a section of docs/facts.md."""
    sections = set(re.findall(r"^### ([A-G]\.\d+)", text("docs/facts.md"), flags=re.MULTILINE))
    for folder in ("gapjax", "data_pipelines", "configs", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            cited = set(re.findall(r"facts ([A-G]\.\d+)", path.read_text()))
            assert cited <= sections, path


def generator(name: str) -> ModuleType:
    """Return a module of docs/, which is no package."""
    source = ROOT / "docs" / f"{name}.py"
    module_spec = importlib.util.spec_from_file_location(name, source)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


def test_the_reference_of_configs_is_current() -> None:
    """Run `python -m docs.config_reference` after a change of a config, a default or its text."""
    assert text("docs/configs.md") == generator("config_reference").page()


def test_the_tables_are_current() -> None:
    """Run `python -m docs.config_reference` after a change of a study or of a measurement."""
    pages = {}
    for name in ("study_tables", "measured_tables", "expected_table"):
        pages |= generator(name).pages()
    assert [page for page, content in pages.items() if page.read_text() != content] == []


def test_measured_rows_of_a_study(tmp_path: Path) -> None:
    """What `runs.csv` has of a row takes the place of the reason why there is none."""
    tables = generator("study_tables")
    tables.DOCS = tmp_path
    (tmp_path / "results").mkdir()
    for name, lines in (
        ("gap_table2", (",Joint,top-1,1,93", ",Joint,top-1,2,95")),
        ("star_table3", ("X-Set 110/10,STAR,ZSL,1,40", "X-Set 110/10,STAR,H,1,50.25")),
    ):
        content = "\n".join(("group,row,column,seed,value", *lines))
        (tmp_path / "results" / f"{name}.csv").write_text(content)
    assert "| Joint | 94.0 | 94.0 ± 1.4 |" in tables.section("gap_table2")
    assert "| Bone | 95.3 | not measured |" in tables.section("gap_table2")
    expected = "| STAR | S 59.3, U 59.5, H 59.4 | ZSL 40.0, H 50.2 |"
    assert expected in tables.section("star_table3")
    (tmp_path / "results" / "gap_table2.csv").write_text(
        "group,row,column,seed,value\n,X,top-1,1,9"
    )
    with pytest.raises(ValueError, match=r"gap_table2\.csv has rows that .* not: X"):
        list(tables.section("gap_table2"))


def test_measured_rows_of_real_skeletons(tmp_path: Path) -> None:
    """Random splits share a column, and differences are those of runs that both rows have."""
    tables = generator("measured_tables")
    tables.DOCS = tmp_path
    (tmp_path / "results").mkdir()
    lines = [
        *("22/5,STAR,ZSL,1,40", "22/5,STAR,ZSL,2,44", "random 1,STAR,ZSL,1,50", "22/5,STAR,H,1,9"),
        *("22/5,SynSE,ZSL,1,43", "random 1,SynSE,ZSL,1,55", "random 2,SynSE,ZSL,1,65"),
    ]
    content = "\n".join(("group,row,column,seed,value", *lines))
    (tmp_path / "results" / "utd_star.csv").write_text(content)
    table = list(tables.section("utd_star"))
    assert "| STAR | 42.0 ± 2.8 | - | - | 50.0 |  |" in table
    # Differences of 3 and 5 points: 4 with 12.706 (Student's t of one degree of freedom) around.
    assert "| SynSE | 43.0 | - | - | 60.0 ± 7.1 | +4.0 [-8.7, +16.7], 2 runs |" in table
    assert "| STAR | 9.0 | - | - | - |  |" in table
