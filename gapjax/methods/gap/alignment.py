"""What GAP compares in training: the heads of clips, and the texts of classes."""

from functools import partial

import jax
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from gapjax.methods import Context, Embeddings, Inference, Outputs, Variables, joints_of_parts
from gapjax.methods.gap.method import Gap, build, network_variables
from gapjax.methods.gap.options import Options
from gapjax.text import string_table


def alignment(context: Context, options: Options) -> Inference:
    """Return the inference of the heads, and of the texts that they are compared with.

    Raises:
        UserError: the method is a plain classifier, which has neither.
    """
    gap = build(context, options)
    if not isinstance(gap, Gap):
        raise UserError("method.partition='none': this run compares no clip with a text")
    network = gap.network

    def apply(
        variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> Outputs:
        """Return the embeddings of the whole body and of its parts."""
        del embeddings
        _, heads = network.apply(variables, clips, train=False, method="describe")
        whole = {"whole": heads[:, 0]} if network.whole else {}
        return whole | ({"part": heads[:, int(network.whole) :]} if network.parts else {})

    parts = joints_of_parts(context.skeleton, options.partition, ()) if network.parts else ()
    embeddings = jax.jit(partial(_embed_classes, gap))
    return Inference(network_variables, apply, embeddings, parts=tuple(parts))


def _embed_classes(gap: Gap, variables: Variables) -> Embeddings:
    """Return the mean embedding of the strings of each class, for each head."""
    encoder = gap.encoder_of(variables["params"], gap.prepare_text())
    means = {name: string_table.means(table, encoder) for name, table in gap.tables.items()}
    found = {"whole": means["global"]} if "global" in means else {}
    if "parts" in means:
        rows = means["parts"]
        found["part"] = rows.reshape(-1, len(gap.network.parts), rows.shape[1])
    return found
