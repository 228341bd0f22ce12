"""The import laws: which module may import which, imports inside functions included."""

import ast
import graphlib
import subprocess
import sys

from support.source_tree import (
    FILES,
    ROOT,
    imported,
    imported_modules,
    is_lookup_folder,
    tree_of,
    within,
)

# From the top down. A module imports from the rows below its own and from its own room: a room is
# a package or a module, and rooms of one row do not import each other.
ROWS = (
    "configs",
    "gapjax.main gapjax.bench gapjax.compile gapjax.ensemble gapjax.summarize gapjax.plots "
    "gapjax.export gapjax.classify gapjax.embed gapjax.spaces gapjax.study gapjax.report "
    "gapjax.live gapjax.prompts.lint gapjax.prompts.generate",
    "gapjax.reporting gapjax.streaming",
    "gapjax.serving gapjax.studies gapjax.benchmarks",
    "gapjax.experiment",
    "gapjax.training",
    "gapjax.methods",
    "gapjax.backbones gapjax.text gapjax.prompts",
    "gapjax.zero_shot",
    "gapjax.analysis gapjax.inputs",
    "gapjax.nn",
    "gapjax.workdir",
    "gapjax.parallel",
    "gapjax.registry",
    "gapjax",
    "data_pipelines.convert data_pipelines.verify data_pipelines.pack data_pipelines.show "
    "data_pipelines.synthesis.__main__",
    "data_pipelines.conversion data_pipelines.checks data_pipelines.drawing",
    "data_pipelines.formats data_pipelines.readers",
    "data_pipelines.datasets",
    "data_pipelines.synthesis data_pipelines.storage",
    "data_pipelines.parsers",
    "data_pipelines.specs",
    "data_pipelines",
    "data_pipelines.command",
    "data_pipelines.errors",
)
ROOM_ROWS = {room: row for row, rooms in enumerate(ROWS) for room in rooms.split()}

# What → the only modules or packages that may import it; the longest matching entry counts.
ONLY = {
    "data_pipelines": "data_pipelines",
    "data_pipelines.errors": "gapjax data_pipelines configs",
    "data_pipelines.command": "gapjax data_pipelines",
    "data_pipelines.specs": "gapjax data_pipelines",
    "data_pipelines.convert": "gapjax.experiment.generated data_pipelines",
    "data_pipelines.synthesis.stand_in": "gapjax.experiment.generated data_pipelines",
    "data_pipelines.drawing.scene": "gapjax.reporting.skeletons gapjax.streaming.greeting "
    "data_pipelines",
    "data_pipelines.storage.atomic": "gapjax data_pipelines",
    "data_pipelines.storage.disk": "gapjax data_pipelines",
    "data_pipelines.storage.npy": "gapjax data_pipelines",
    "data_pipelines.storage.index": "gapjax.experiment gapjax.training.run gapjax.zero_shot.splits "
    "gapjax.streaming.replays data_pipelines",
    "data_pipelines.storage.contents": "gapjax.experiment data_pipelines",
    "data_pipelines.storage.digests": "gapjax.experiment data_pipelines",
    "data_pipelines.storage.packed": "gapjax.experiment.data gapjax.experiment.feeds "
    "data_pipelines",
    "data_pipelines.storage.tfrecord": "gapjax.serving.tflite data_pipelines",
    "data_pipelines.readers.order": "gapjax.experiment gapjax.inputs.present gapjax.training "
    "gapjax.zero_shot.splits data_pipelines",
    "data_pipelines.readers.stream": "gapjax.experiment.data gapjax.experiment.feeds "
    "data_pipelines",
    "data_pipelines.parsers.clip": "gapjax.serving.classification data_pipelines",
    "gapjax.methods.gap": "gapjax.methods.gap",
    "gapjax.methods.star": "gapjax.methods.star",
    "flax": "gapjax",
    "huggingface_hub": "gapjax.text.huggingface gapjax.workdir.bundle_hub "
    "gapjax.serving.publication",
    "jax": "gapjax",
    "jax.experimental": "gapjax.parallel gapjax.serving.tflite",
    "jax.sharding": "gapjax.parallel",
    "matplotlib": "gapjax.analysis gapjax.zero_shot.figures data_pipelines.drawing",
    "ml_collections": "configs gapjax.experiment.config_dict",
    "plotly": "gapjax.reporting.page",
    "optax": "gapjax.training gapjax.methods gapjax.nn",
    "orbax": "gapjax.workdir gapjax.serving.bundle_writer",
    "sklearn": "gapjax.analysis.projection",
    "tensorflow": "data_pipelines.storage",
    "tensorflow_datasets": "data_pipelines.storage",
    "torch": "gapjax.nn.torch_weights",
    "transformers": "gapjax.text",
    "wandb": "gapjax.workdir.weights_and_biases",
    "websockets": "gapjax.streaming.server",
}


def longest(name: str, prefixes: dict[str, object]) -> str | None:
    """Return the longest of the prefixes that a dotted name lies within."""
    matching = [prefix for prefix in prefixes if within(name, prefix)]
    return max(matching, key=len, default=None)


def test_imports_go_down() -> None:
    assert not [name for name in FILES if longest(name, ROOM_ROWS) is None], "modules without a row"
    upward = [
        f"{name} imports {other}"
        for name, path in FILES.items()
        for other in imported_modules(path)
        if not is_below(longest(other, ROOM_ROWS), longest(name, ROOM_ROWS))
    ]
    assert not upward


def is_below(other: str, room: str) -> bool:
    """Return whether a room may import another."""
    return other == room or ROOM_ROWS[other] > ROOM_ROWS[room]


def test_few_modules_import() -> None:
    bad = [
        f"{name} imports {other}"
        for name, path in FILES.items()
        for other in imported(path)
        if not may_import(name, other)
    ]
    assert not bad


def may_import(name: str, other: str) -> bool:
    """Return whether the table of few users lets a module import something."""
    entry = None if is_lookup_folder(other) else longest(other, ONLY)
    return entry is None or any(within(name, user) for user in ONLY[entry].split())


def test_there_are_no_circles() -> None:
    graph = {name: imported_modules(path) - {name} for name, path in FILES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_every_row_has_modules() -> None:
    rooms = {longest(name, ROOM_ROWS) for name in FILES}
    assert rooms == set(ROOM_ROWS)


def test_only_what_can_be_run_lies_on_top() -> None:
    on_top = set((ROOT / "gapjax").glob("*.py")) - {FILES["gapjax"], FILES["gapjax.registry"]}
    assert not [path for path in on_top if "__main__" not in path.read_text()]


def test_nothing_is_replicated_by_hand() -> None:
    """Sharding is jit over a mesh: no pmap, no collective is written in the project."""
    for path in FILES.values():
        nodes = list(ast.walk(tree_of(path)))
        words = {node.id for node in nodes if isinstance(node, ast.Name)}
        words |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        assert not words & {"pmap", "pmean", "psum", "axis_name"}, path


def test_training_imports_no_more_than_it_needs() -> None:
    """Every start of a run waits for what is imported."""
    late = ("matplotlib", "tensorflow", "transformers")
    code = f"import sys, gapjax.main; print(*[name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == []


def test_tests_import_no_other_tests() -> None:
    """What tests share lies in `support` and `stress`."""
    paths = list((ROOT / "tests").rglob("*.py"))
    tests = {path.stem for path in paths if path.stem.startswith("test_")}
    imports = {(path.name, name) for path in paths for name in imported(path)}
    assert not [(path, name) for path, name in imports if tests & set(name.split("."))]
