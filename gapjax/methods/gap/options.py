"""The options of GAP."""

from dataclasses import dataclass

from data_pipelines.errors import UserError
from gapjax.methods.gap.losses import AVERAGES, TARGETS, TEMPERATURES
from gapjax.nn.pooling import PERSONS
from gapjax.prompts.strings import PART
from gapjax.registry import check_choices, number, one_of


@dataclass(frozen=True)
class Options:
    """The options of GAP; docs/fidelity.md lists where the paper and the release differ.

    Attributes:
        partition: `none` (no text), `global`, or a partition of the skeleton (`2`, `4`, `6`, ...).
        global_text: the whole body's string: `synonym`, `label`, `template` (the label in a prefix,
            cloze or suffix of Figure 4), `paragraph`, `description` (the movements of all parts),
            `manual` (atomic movements in their order), `part_states` (those nearest to the label),
            or `none`. Of several strings one is drawn for each sample and step; of recipes that `+`
            joins, `synonym+paragraph`, each as often.
        part_states: how many states of body parts `part_states` has (K of section 3.5, which does
            not tell it; the example in Figure 4 has five).
        part_text: how a part's string is written: `plain` or `released`.
        several_texts: of several texts of a part, or several paragraphs, one is `drawn` for each
            sample and step (section 4.2), or the `first` is taken.
        train_text: whether the text encoder is trained.
        prompt_tokens: how many vectors are learned that stand before the words of every string, as
            embeddings of tokens (prompt learning, Table 1f); 0 for none.
        loss_weight: the trade-off λ of Eq. 1.
        learn_loss_weight: whether λ is a parameter, as in section 3.1 of the paper. Its
            gradient is the contrastive loss: it falls to zero, where text has no effect any more.
        temperature: `released` (a free factor), `paper` (τ = 0.1) or `clip` (a free exponent).
        targets: `released` (softmax of ten times the 0/1 matrix) or `paper` (equal shares).
        persons: which persons the mean counts: `all`, as the published networks do, where an
            absent person counts as much as a present one, or those who are `present`.
        average: `parts_and_global` (as released) or `parts` (K of Eq. 6 counts parts alone).
    """

    partition: str = "4"
    global_text: str = "synonym"
    part_states: int = number(5, least=1, most=100)
    part_text: str = one_of(*PART)
    several_texts: str = one_of("drawn", "first")
    train_text: bool = True
    prompt_tokens: int = 0
    loss_weight: float = 0.8
    learn_loss_weight: bool = False
    temperature: str = one_of(*TEMPERATURES)
    targets: str = one_of(*TARGETS)
    average: str = one_of(*AVERAGES)
    persons: str = one_of(*PERSONS)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "method.")
        if self.partition == "global" and self.global_text == "none":
            raise UserError("method.partition='global' needs a method.global_text")
