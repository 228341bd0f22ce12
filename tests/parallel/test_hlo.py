"""The collectives of compiled programs: texts as XLA writes them for CPU and for TPU."""

import jax
import jax.numpy as jnp
import pytest

from gapjax.parallel.hlo import Traffic, collectives, size_of
from gapjax.parallel.sharding import shape_layout

SYNCHRONOUS = """
  %all-reduce.1 = (f32[64]{0:T(128)}, bf16[3,8]{1,0:T(8,128)(2,1)}) all-reduce(%a, %b), channel_id=1
  %gte = f32[64]{0:T(128)} get-tuple-element(%all-reduce.1), index=0
  ROOT %r = f32[2,5]{1,0} reduce-scatter(%all-reduce.1), to_apply=%add
  %x = s32[8,1,180]{2,1,0:T(1,128)S(1)} all-to-all(%reshape), metadata={op_name="all-gather(x)"}
"""
ASYNCHRONOUS = """
  %s = (f32[4]{0}, f32[32]{0}) all-gather-start(f32[4]{0} %p), dimensions={0}
  %d = f32[32]{0} all-gather-done((f32[4]{0}, f32[32]{0}) %s)
  %c = (u8[3]{0}, u8[3]{0}, u32[], u32[]) collective-permute-start(%q)
  ROOT %e = u8[3]{0} collective-permute-done(%c)
"""


def test_collectives_that_wait() -> None:
    assert collectives(SYNCHRONOUS) == {
        "all-reduce": Traffic(1, 64 * 4 + 24 * 2),
        "reduce-scatter": Traffic(1, 40),
        "all-to-all": Traffic(1, 8 * 180 * 4),
    }


def test_collectives_that_start_and_end_are_counted_once() -> None:
    assert collectives(ASYNCHRONOUS) == {
        "all-gather": Traffic(1, 128),
        "collective-permute": Traffic(1, 3),
    }


def test_one_that_goes_on_beside_computations_is_counted_once() -> None:
    """As libtpu writes it into each computation that it overlaps."""
    fused = "\n".join(
        f"  %g.{n} = s32[8,128]{{1,0}} all-gather(%p.{n}), channel_id={channel}, dimensions={{0}}"
        for n, channel in enumerate([79, 79, 7, 79])
    )
    assert collectives(fused) == {"all-gather": Traffic(2, 2 * 8 * 128 * 4)}


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("f32[]", 4),
        ("pred[9]{0}", 9),
        ("s4[3]", 2),
        ("f8e4m3fn[2,3]", 6),
        ("c64[2]", 16),
        ("()", 0),
    ],
)
def test_size_of(kind: str, size: int) -> None:
    assert size_of(kind) == size


def test_a_mean_over_devices_is_one_all_reduce() -> None:
    """As XLA itself writes it, for eight parts of the CPU; shapes alone are given."""
    layout = shape_layout(jax.devices())
    rows = layout.put_batches(jnp.zeros((1, 16, 3)))
    assert rows.sharding == layout.batches
    total = jax.jit(lambda x: x.sum(axis=1), out_shardings=layout.replicated)
    traffic = collectives(total.lower(rows).compile().as_text())
    assert traffic == {"all-reduce": Traffic(1, 12)}
