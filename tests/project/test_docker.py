"""The image, as far as it can be checked without Docker: nothing here builds it."""

import re
import tomllib
from pathlib import PurePosixPath

from support.commands import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEXT = (ROOT / "docker" / "Dockerfile").read_text()
# (instruction, its arguments), with lines joined.
STEPS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", "", TEXT).splitlines()
    if line and not line.startswith("#")
]
# `.dockerignore` leaves out all but these.
KEPT = [
    line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def test_the_python_is_one_that_is_supported() -> None:
    assert STEPS[0][0] == "ARG"
    (version,) = re.findall(r"^PYTHON=(3\.\d+)$", arguments("ARG")[0])
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert arguments("FROM") == ["python:${PYTHON}-slim"]


def test_gapjax_is_installed_as_the_readme_says() -> None:
    (install,) = (rest for rest in arguments("RUN") if "pip" in rest)
    assert install == 'pip install --no-cache-dir -e ".${EXTRA:+[$EXTRA]}"'
    readme = (ROOT / "README.md").read_text()
    assert "\npip install -e . " in readme
    for extra in ("cuda", "tpu"):
        assert f"'.[{extra}]'" in readme
        assert f"EXTRA={extra}" in TEXT
        assert extra in PROJECT["optional-dependencies"]


def test_what_is_copied_is_there_and_sent() -> None:
    copied = [source for rest in arguments("COPY") for source in rest.split()[:-1]]
    for source in copied:
        assert (ROOT / source).exists()
        assert PurePosixPath(source).parts[0] in KEPT
    assert {"gapjax", "data_pipelines", "configs", "pyproject.toml"} <= {*copied}
    assert {PurePosixPath(source).parts[0] for source in copied} == {*KEPT}
    # What the build reads of pyproject.toml comes before the installation.
    before = TEXT[: TEXT.index("pip install")]
    for name in (PROJECT["readme"], *PROJECT["license-files"], "gapjax/__init__.py"):
        assert re.search(rf"^COPY .*{re.escape(name)}", before, flags=re.MULTILINE)


def test_it_runs_as_a_user_with_few_rights() -> None:
    names = [name for name, _ in STEPS]
    assert "ADD" not in names
    assert "--uid 1000 gapjax" in arguments("RUN")[0]
    assert arguments("USER") == ["1000"]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("RUN", "COPY"))
    assert not re.search(r"sudo|apt|curl|TOKEN|chmod", TEXT)
    # The folders of the commands' defaults can be written, and nothing else of the clone.
    assert "--owner=gapjax /gapjax /gapjax/data /gapjax/runs" in arguments("RUN")[0]
