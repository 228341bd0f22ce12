"""What kernels move, counted in texts as XLA writes them for GPU and TPU, and in a real program."""

import jax
import jax.numpy as jnp

from gapjax.parallel.hlo import Traffic
from gapjax.parallel.kernels import Buffer, by_kind, kernels_of, largest_buffers, padded_size

PROGRAM = """
HloModule jit_step
%fused (x: f32[100]) -> f32[100] {
  %x = f32[100]{0} parameter(0)
  ROOT %y = f32[100]{0} multiply(%x, %x)
}

%body (state: (s32[], f32[100])) -> (s32[], f32[100]) {
  %state = (s32[], f32[100]{0}) parameter(0)
  %v = f32[100]{0} get-tuple-element(%state), index=1
  %w = f32[100]{0} fusion(%v), kind=kLoop, calls=%fused
  ROOT %t = (s32[], f32[100]{0}) tuple(%v, %w)
}

ENTRY %main (a: f32[100], b: bf16[25,64]) -> f32[100] {
  %a = f32[100]{0} parameter(0)
  %b = bf16[25,64]{1,0:T(16,128)(2,1)} parameter(1)
  %p = (f32[25,64]{1,0:T(8,128)}, f32[7]{0}) custom-call(%b), custom_call_target="__gemm"
  %s = (f32[100]{0}, f32[100]{0}) all-reduce-start(%a), to_apply=%add
  %d = f32[100]{0} all-reduce-done(%s)
  %c = ((f32[100]{0}), f32[20]{0}, s32[]) slice-start(%a), slice={[0:20]}
  %e = f32[20]{0} slice-done(%c)
  %l = (s32[], f32[100]{0}) while(%d), condition=%go, body=%body
  ROOT %r = f32[100]{0} fusion(%d, %a), kind=kLoop, calls=%fused
}
"""


def test_each_kernel_counts_operands_and_results_padding_included() -> None:
    assert by_kind(kernels_of(PROGRAM)) == {
        "__gemm": Traffic(1, 32 * 128 * 2 + 32 * 128 * 4 + 7 * 4),
        # One of the loop's body: two arrays; the other three.
        "fusion kLoop": Traffic(2, 5 * 400),
        "all-reduce-start": Traffic(1, 2 * 400),
        # A slice reads no more than it writes, also one that goes on beside kernels.
        "slice-start": Traffic(1, 2 * 80),
    }


def test_largest_buffers_are_those_that_kernels_write() -> None:
    found = largest_buffers(kernels_of(PROGRAM), 2)
    assert found == {
        "f32[25,64]{1,0:T(8,128)}": Buffer(1, 32 * 128 * 4, 32 * 128 / (25 * 64)),
        "f32[100]{0}": Buffer(2, 400, 1.0),
    }


def test_tiles_fill_the_minor_axes_wherever_they_stand() -> None:
    assert padded_size("f32[25,64,64,16]{0,3,2,1:T(8,128)}") == 128 * 64 * 64 * 16 * 4
    assert padded_size("f32[]") == 4


def test_a_real_program_has_kernels() -> None:
    step = jax.jit(lambda x: jnp.tanh(x @ x.T).sum()).lower(jnp.ones((30, 20))).compile()
    found = by_kind(kernels_of(step.as_text()))
    assert sum(kind.bytes for kind in found.values()) >= 2 * 30 * 20 * 4
