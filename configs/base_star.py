"""The configs of STAR, and the variants that all of them have.

The text encoder: `clip` (the paper's, ViT-L/14@336px), `clip_b32`, `clip_b16`, `clip_l14`,
`clip_l14_336`, `bert`, `minilm` (BERT, from a PyPI package), `mpnet`; by default hashed words.
`described` recognizes by descriptions, part by part, too (ours). References: `global` (one part, no
prompts), `regression` (pooled features to names, linearly), and the paper's baselines `revise`,
`jpose`, `cada_vae`, `synse` and `smie` (configs/baselines.py). `ctr_gcn` has that encoder, whose
features are of joints and their surroundings (ours). Ablations: `no_attention`,
`no_attribute_prompts`, `no_semantic_prompts`. `unseen_names` lets unseen names take part in the
semantic loss, as released; `paper` and `released` follow the paper or the release where the two
differ, except for test clips (docs/fidelity.md); `bfloat16` computes in bfloat16; `split_weights`
splits what does not depend on samples; `smoke` checks the plumbing, with generated data if there
are none. Variants may be combined in any order.
"""

from ml_collections import ConfigDict

from configs import base, baselines
from configs.base import setting
from gapjax import backbones
from gapjax.experiment.config_dict import choose, new_config

# Shift-GCN's weight decay: more for the spatial convolutions, none for the masks (facts E.3).
SHIFT_GCN_RULES = backbones.get("shift_gcn").rules

# What does not depend on samples: products of consecutive layers, queries of prompts, and the texts
# of classes. All are split along channels.
WEIGHT_RULES = (
    ("skeleton/(out|outer)/kernel$", None, "data"),
    ("(asking/weight|pool/query/kernel|projector/inner/kernel)$", None, None, "data"),
)


def star_config(dataset: str, protocol: str, zero_shot: str) -> ConfigDict:
    """Return the config of STAR as released (facts D.5), on a split of a dataset."""
    config = new_config(backbone="shift_gcn", method="star")
    config.data.update(dataset=dataset, protocol=protocol, zero_shot=zero_shot)
    config.encoder.optimizer.rules = SHIFT_GCN_RULES
    config.optimizer.learning_rate = 0.01
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = (10, 20)
    config.optimizer.weight_decay = 5e-4
    config.train.epochs = 40
    return config


def kinect_config(dataset: str, protocol: str, zero_shot: str) -> ConfigDict:
    """Return STAR on a small dataset of Kinect-20 skeletons."""
    config = star_config(dataset, protocol, zero_shot)
    base.use_kinect_clips(config)
    config.data.repeat = config.encoder.repeat = 5
    return config


@base.about("reference")
def align_globally(config: ConfigDict) -> None:
    """Align the whole body with names alone: one part, no prompts, no attention."""
    config.method.update(partition="global", score="name", pooling="mean")
    config.method.update(attribute_prompts="none", semantic_prompts="none")
    config.method.update(part_weight=0.0, semantic_weight=0.0, global_weight=1.0)


@base.about("reference")
def regress_text(config: ConfigDict) -> None:
    """Map pooled features to the text of names linearly."""
    text = config.method.class_text
    choose(config, "method", "text_regression")
    config.method.global_text = text
    config.optimizer.learning_rate = 0.1
    # The paper's γ is of STAR's scores.
    config.zero_shot.gamma = None


@base.about("skeleton encoder")
def ctr_gcn(config: ConfigDict) -> None:
    """Encode with CTR-GCN, whose features of a joint depend on its surroundings alone."""
    choose(config, "backbone", "ctr_gcn")


@base.about("skeleton encoder")
def shift_gcn(config: ConfigDict) -> None:
    """Encode with Shift-GCN, as the paper does."""
    choose(config, "backbone", "shift_gcn")
    config.encoder.optimizer.rules = SHIFT_GCN_RULES


def quick(config: ConfigDict) -> None:
    """Learn what a CPU learns within minutes.

    β and the prompts' scale were chosen on the built-in dataset: with fewer than a thousand clips
    β = 0.1 leaves names untrained, and prompts of deviation 1 are codes that no unseen class has.
    """
    config.clips.window = 32
    config.backbone.width = 32
    config.backbone.stages = (1, 1, 1)
    config.method.attributes = 16
    config.method.global_weight = 1.0
    config.method.semantic_prompt_scale = 0.1
    config.zero_shot.folds = 1
    config.encoder.epochs = 8
    config.encoder.optimizer.milestones = (6, 7)
    config.data.repeat = 1
    config.optimizer.learning_rate = 0.02


@base.about("source")
def paper(config: ConfigDict) -> None:
    """Follow the paper where the release differs: dot products, and their rate (section 4.3)."""
    config.method.update(heads=8, similarity="dot", semantic_classes="all")
    config.encoder.features = "fresh"
    # Dot products grow with the features: at the rates for cosines, losses overflow.
    config.optimizer.learning_rate = 0.001
    if config.data.dataset in ("ntu60", "ntu120"):
        # Its number of epochs is not stated; the last milestone needs more than 30.
        config.train.epochs = 40
        config.optimizer.milestones = (20, 30)


@base.about("source")
def released_star(config: ConfigDict) -> None:
    """Follow STAR's release where it differs; test clips stay central and unrotated."""
    config.encoder.update(person_merge="released", norm="released", features="fresh")
    config.method.update(heads=4, semantic_classes="all", part_text="star_released")
    if config.data.dataset == "ntu120":
        config.clips.absent_person = "copy"


def unit_text(name: str) -> base.Variant:
    """Return the variant of a text encoder whose embeddings are small."""
    encoder = base.TEXT_ENCODERS[name]

    @base.about("text encoder")
    def change(config: ConfigDict) -> None:
        """Set the keys."""
        encoder(config)
        if config.method.name == "star":
            config.method.text_scale = "unit"

    change.__doc__ = encoder.__doc__
    return change


minilm = unit_text("minilm")


def smoke_star(config: ConfigDict) -> None:
    """Check the plumbing, with generated data if there are none: every stage in a small epoch."""
    base.smoke(config)
    # With less, rounding shows in what STAR learns.
    config.clips.window = 16
    config.encoder.epochs = 1
    config.encoder.repeat = 1
    config.encoder.optimizer.milestones = ()
    config.zero_shot.folds = 1
    config.train.batch_size = min(config.train.batch_size, 64)
    small = {"attributes": 6, "heads": 2, "samples": 10, "classifier_steps": 10}
    config.method.update({key: value for key, value in small.items() if key in config.method})
    if config.method.get("similarity") == "dot":
        # An encoder of four steps has large features: at the paper's rate, losses overflow.
        config.optimizer.learning_rate = 1e-5


split_weights = setting(
    "Split what does not depend on samples over the devices.",
    mesh__rules=WEIGHT_RULES,
)

ZERO_SHOT_VARIANTS = {
    "clip": base.text_encoder(
        "Use the paper's text encoder: `clip_l14_336`.",
        "clip",
        "openai/clip-vit-large-patch14-336",
    ),
    **base.TEXT_ENCODERS,
    "minilm": minilm,
    "mpnet": unit_text("mpnet"),
    "described": setting(
        "Recognize classes by descriptions, whole and part by part, not by names alone (ours).",
        method__class_text="description",
        method__score="name_and_parts",
    ),
    "ctr_gcn": ctr_gcn,
    "paper": paper,
    "released": released_star,
    "no_attention": setting(
        "Average the tokens of a part instead of attending to them.", method__pooling="mean"
    ),
    "no_attribute_prompts": setting(
        "Do without visual-attribute prompts.", method__attribute_prompts="none"
    ),
    "no_semantic_prompts": setting(
        "Do without semantic-part prompts.", method__semantic_prompts="none"
    ),
    "unseen_names": setting(
        "Let the names and descriptions of unseen classes take part in the semantic loss.",
        method__semantic_classes="all",
    ),
    "global": align_globally,
    "regression": regress_text,
    **baselines.VARIANTS,
    "split_weights": split_weights,
    "bfloat16": base.bfloat16,
    "smoke": smoke_star,
}
