"""Means of logged scalars, and the step at which a loss stopped being finite."""

import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.training.step_metrics import Meter, check_finite


def test_means_are_over_all_steps_since_the_last_line() -> None:
    meter = Meter(batch_size=8)
    for _ in meter.timed(range(2)):
        pass
    meter.add(2, {"loss": jnp.asarray([1.0, 2.0]), "accuracy": jnp.asarray([0.0, 1.0])})
    meter.add(3, {"loss": jnp.asarray([6.0]), "accuracy": jnp.asarray([1.0])})
    means = meter.means()
    assert means["train/loss"] == pytest.approx(3)
    assert means["train/accuracy"] == pytest.approx(2 / 3)
    assert means["train/samples_per_sec"] > 0
    assert 0 <= means["train/feed_share"] < 1
    meter.add(4, {"loss": jnp.asarray([5.0]), "accuracy": jnp.asarray([0.0])})
    assert meter.means()["train/loss"] == pytest.approx(5)


def test_restarting_the_clock_drops_no_step() -> None:
    meter = Meter(batch_size=8, logged={"loss": [3.0]})
    meter.add(2, {"loss": jnp.asarray([5.0])})
    meter.restart_clock()
    meter.add(3, {"loss": jnp.asarray([7.0])})
    assert meter.means()["train/loss"] == pytest.approx(5)


def test_the_step_of_a_loss_that_is_not_finite_is_reported() -> None:
    check_finite(np.asarray([1.0, 2.0]), 10)
    with pytest.raises(FloatingPointError, match="the loss of step 9 is nan"):
        check_finite(np.asarray([1.0, np.nan, np.inf]), 10)
    with pytest.raises(FloatingPointError, match="the norm of the gradients of step 10 is inf"):
        check_finite(np.asarray([1.0, np.inf]), 10, "norm of the gradients")


def test_a_bad_loss_is_found_before_a_checkpoint() -> None:
    meter = Meter(batch_size=8)
    meter.add(5, {"loss": jnp.asarray([jnp.inf])})
    with pytest.raises(FloatingPointError, match="step 5"):
        meter.fetch()


def test_timed_yields_every_request() -> None:
    assert list(Meter(1).timed(iter("abc"))) == ["a", "b", "c"]
