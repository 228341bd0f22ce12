"""What `auto` means on a platform: the precision and the layout of a computation."""

from dataclasses import replace

from gapjax.experiment.plan import Plan

# Of what is for any platform, such as exported models.
ANY = "cpu"
# Where the choice is not that of a CPU: float32, channels first (docs/performance.md).
PRECISION = {"tpu": "bfloat16", "gpu": "bfloat16", "cuda": "bfloat16"}
LAYOUT = {"tpu": "channels_last"}


def settle(plan: Plan, platform: str) -> Plan:
    """Return a plan without `auto`.

    Args:
        plan: the plan.
        platform: of the devices that compute, as `jax.Device.platform`.
    """
    precision, layout = plan.train.precision, plan.train.layout
    if precision == "auto":
        precision = PRECISION.get(platform, "float32")
    if layout == "auto":
        layout = LAYOUT.get(platform, "channels_first")
    return replace(plan, train=replace(plan.train, precision=precision, layout=layout))
