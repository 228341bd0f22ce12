"""What is refused of an evaluation: scores that are no numbers, and none at all."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import gap_demo
from data_pipelines.errors import UserError
from data_pipelines.storage import index as indexing
from gapjax.experiment.build import check
from gapjax.experiment.config_dict import plan_of
from gapjax.training import evaluation, loop
from support.tiny_run import tiny_run


def test_scores_that_are_not_finite_end_a_run() -> None:
    """They would be written, and then refused by all that reads them."""
    run = tiny_run()
    state = loop.initial_state(run)
    predict = evaluation.make_predict(run)
    assert np.isfinite(evaluation.evaluate(run, predict, state, {})["test"].score).all()
    broken = state._replace(params=jax.tree.map(lambda leaf: leaf * jnp.inf, state.params))
    with pytest.raises(FloatingPointError, match=r"scores of \d+ of \d+ samples are not finite"):
        evaluation.evaluate(run, predict, broken, {})


def test_a_protocol_without_test_samples_is_refused_before_training(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir = str(data)
    check(plan_of(config))
    select = indexing.select
    monkeypatch.setattr(
        indexing, "select", lambda *arguments: (select(*arguments)[0], np.zeros(0, int))
    )
    with pytest.raises(UserError, match=r"data\.protocol='xsub' of .*synthetic leaves no samples"):
        check(plan_of(config))
