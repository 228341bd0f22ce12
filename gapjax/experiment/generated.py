"""Datasets that need no files: the built-in one, and small stand-ins for absent ones."""

from pathlib import Path

from data_pipelines import convert
from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec, RawDataset
from data_pipelines.synthesis import stand_in
from gapjax.experiment.plan import Plan
from gapjax.parallel.first_host import say

# Stand-ins lie in this folder of `data.dir`, by the names of what they stand for.
STAND_INS = "smoke"


def is_stand_in(plan: Plan) -> bool:
    """Return whether generated samples take the place of a plan's dataset, which is not here."""
    return plan.data.stand_in and not Path(plan.data.dir, plan.data.dataset).exists()


def folder(plan: Plan) -> Path:
    """Return the folder of datasets in which a plan finds its own."""
    return Path(plan.data.dir, STAND_INS) if is_stand_in(plan) else Path(plan.data.dir)


def provide(plan: Plan, directory: Path, spec: DatasetSpec) -> None:
    """Make a dataset that is not here, if it can be made without files.

    It is written atomically, and any number of processes may do so at the same time.

    Raises:
        UserError: it needs files.
    """
    if directory.exists():
        return
    if is_stand_in(plan):
        convert.make(stand_in, stand_in.opened(spec), directory)
    elif spec.builtin:
        say(f"{directory}: makes the built-in dataset, once")
        module = catalog.module(spec.name)
        convert.make(module, RawDataset(spec, module.items(None)), directory)
    else:
        raise UserError(
            f"{directory}: this dataset is not here. To get it: {spec.obtain}. Then run "
            f"`{catalog.conversion(directory)}`. Nothing is needed for the variant smoke of a "
            "config, nor for configs/gap_demo.py"
        )
