"""A trained run as one TFLite file (LiteRT): raw frames of one clip → scores of the run's classes.

JAX's jax2tf and TensorFlow's converter make it; TensorFlow is imported for this alone. Parameters
and embeddings are constants in the file. It takes one clip: the converter refuses a batch of
variable size.
"""

import importlib.util

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from data_pipelines.errors import UserError
from data_pipelines.storage.tfrecord import tensorflow
from gapjax.methods import Outputs
from gapjax.serving.trained import Trained


def require() -> None:
    """Raise UserError if TensorFlow is not installed; unlike an import, this takes no seconds."""
    if importlib.util.find_spec("tensorflow") is None:
        raise UserError("--tflite needs TensorFlow: `pip install tensorflow`")


def convert(run: Trained, frames: int) -> bytes:
    """Return the content of a TFLite file, whose signature is `serving_default`.

    It takes `frames` (1 m t v c, float32, padded with zeros) and `length` (1, int32), and gives
    `score` (1 k) and, of a method that compares parts, `part` (1 k p).

    Args:
        run: what to convert.
        frames: what clips are padded to.
    """
    # Only now: both import TensorFlow, which nothing else in gapjax needs.
    tf = tensorflow()
    from jax.experimental import jax2tf

    variables, embeddings = jax.tree.map(jnp.asarray, (run.variables, run.embeddings))

    def recognize(clip: Float[Array, "1 m t v c"], length: Int[Array, " 1"]) -> Outputs:
        """Return the outputs for one clip."""
        return run.recognize(variables, clip, length, embeddings)

    persons, _, joints, coordinates = run.shape
    inputs = [
        tf.TensorSpec((1, persons, frames, joints, coordinates), tf.float32, "frames"),
        tf.TensorSpec((1,), tf.int32, "length"),
    ]
    module = tf.Module()
    module.recognize = tf.function(
        jax2tf.convert(jax.jit(recognize), with_gradient=False),
        input_signature=inputs,
        autograph=False,
    )
    function = module.recognize.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()
