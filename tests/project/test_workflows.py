"""The workflows of .github: what they call exists, and they test what pyproject.toml promises."""

import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from support.commands import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in PATHS}
JOBS = {
    f"{name}/{job}": content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
VERSIONS = [
    classifier.rpartition(" ")[2]
    for classifier in PROJECT["classifiers"]
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", classifier)
]


def commands(job: dict) -> Iterator[list[str]]:
    """Yield the words of every command of a job."""
    for step in job["steps"]:
        for line in step.get("run", "").splitlines():
            yield shlex.split(re.sub(r"\$\{\{.*?\}\}|\$\w+", "X", line))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_no_more_than_it_needs(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert {"group", "cancel-in-progress"} == workflow["concurrency"].keys()
    # YAML reads `on` as true.
    assert "pull_request_target" not in workflow[True]
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 120
        assert "permissions" not in job
        for step in job["steps"]:
            assert step.keys() & {"uses", "run"}
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
            if "checkout" in step.get("uses", ""):
                assert step["with"] == {"persist-credentials": False}


@pytest.mark.parametrize("name", JOBS)
def test_what_a_job_calls_exists(name: str) -> None:
    targets = {*re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)}
    called = [*commands(JOBS[name])]
    assert called
    for words in called:
        assert words[0] in ("make", "git", "echo"), words
        if words[0] == "make":
            assert words[1] in targets
            # A runner has several; the job has chosen one.
            assert words[2:] == ["PYTHON=python"]
        for path in re.findall(r"\.github/[\w.-]+", " ".join(words)):
            assert (ROOT / path).exists()
    for expression in re.findall(r"\$\{\{ matrix\.(\w+) \}\}", str(JOBS[name])):
        assert expression in JOBS[name]["strategy"]["matrix"]


def test_what_is_promised_is_tested() -> None:
    """Every Python of the classifiers, with the oldest and the newest jax."""
    matrix = JOBS["ci/test"]["strategy"]["matrix"]
    assert matrix["python"] == VERSIONS
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"
    assert matrix["jax"] == ["newest", "oldest"]
    setups = [
        step["with"]["python-version"]
        for job in JOBS.values()
        for step in job["steps"]
        if "setup-python" in step.get("uses", "")
    ]
    assert {*setups} == {"${{ matrix.python }}", VERSIONS[-1]}
    targets = {words[1] for job in JOBS.values() for words in commands(job) if words[0] == "make"}
    assert targets == {"static", "test", "docs", "wheel"}


def test_the_oldest_jax_is_the_one_that_is_allowed() -> None:
    lines = (ROOT / ".github" / "oldest.txt").read_text().splitlines()
    pinned = {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in map(Requirement, (line for line in lines if line[0] != "#"))
    }
    (allowed,) = (
        Requirement(each).specifier for each in PROJECT["dependencies"] if each.startswith("jax>")
    )
    (least,) = (each.version for each in SpecifierSet(str(allowed)) if each.operator == ">=")
    assert pinned == {"jax": f"{least}.0", "jaxlib": f"{least}.0"}
    assert allowed.contains(pinned["jax"])
