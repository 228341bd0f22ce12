"""The metadata of results: their samples and classes, by digests that depend on nothing else."""

from pathlib import Path

import pytest

from configs import gap_demo, star_demo
from data_pipelines.datasets.synthetic import SPEC
from data_pipelines.errors import UserError
from data_pipelines.storage.digests import protocol_digest, split_digest
from data_pipelines.storage.index import Index
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import describe_selection, open_dataset
from gapjax.experiment.stages import stages


def test_a_supervised_run(data: Path) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir = str(data)
    index = Index.load(data / "synthetic")
    metadata = {}
    for protocol in ("xsub", "xview"):
        config.data.protocol = protocol
        plan = plan_of(config)
        metadata[protocol] = describe_selection(plan, open_dataset(plan))
        assert metadata[protocol] == {
            "dataset": "synthetic",
            "protocol": protocol,
            "protocol_digest": protocol_digest(index, SPEC.protocols[protocol]),
            "index": index.digest[:12],
        }
    assert metadata["xsub"]["protocol_digest"] != metadata["xview"]["protocol_digest"]
    config.data.validation_subjects = 1
    plan = plan_of(config)
    assert describe_selection(plan, open_dataset(plan)) == metadata["xview"]
    # Of the training samples alone, the fold of the seed is tested.
    config.data.validation_subjects, config.data.cross_validation, config.seed = 0, 2, 4
    plan = plan_of(config)
    dataset = open_dataset(plan)
    train, test = dataset.problem.train, dataset.problem.evaluations["test"]
    assert set(index.camera[[*train, *test]]) == set(SPEC.protocols["xview"].train)
    assert not set(index.subject[train]) & set(index.subject[test])
    assert describe_selection(plan, dataset) == metadata["xview"] | {"cross_validation": "2 of 2"}


@pytest.mark.parametrize("split", ["18_6", "random:5:1"])
def test_all_stages_of_a_zero_shot_run(data: Path, tmp_path: Path, split: str) -> None:
    """An encoder and a fold know the split of the run that they are for."""
    config = star_demo.get_config("smoke")
    config.data.dir, config.data.zero_shot = str(data), split
    run_stages = stages(plan_of(config), tmp_path)
    assert len(run_stages) == 3
    metadata = [describe_selection(stage.plan, open_dataset(stage.plan)) for stage in run_stages]
    unseen = open_dataset(run_stages[-1].plan).full_problem.unseen
    assert len(unseen) == (6 if split == "18_6" else 5)
    assert {selection["split"] for selection in metadata} == {split}
    assert {selection["split_digest"] for selection in metadata} == {
        split_digest(SPEC.labels, unseen)
    }
    assert len({selection["protocol_digest"] for selection in metadata}) == 1


def test_a_dataset_that_is_not_here(tmp_path: Path) -> None:
    config = gap_demo.get_config()
    config.data.dir, config.data.dataset = str(tmp_path), "utd_mhad"
    command = f"data_pipelines.convert utd_mhad --raw=PATH --out={tmp_path}"
    with pytest.raises(UserError, match=f"not here.*{command}`"):
        open_dataset(plan_of(config))
