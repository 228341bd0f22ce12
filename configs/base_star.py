"""The keys of zero-shot experiments, and the variants that all of them have.

The text encoder: `clip` (the paper's, ViT-L/14@336px) or `minilm` (BERT, from a PyPI package), by
default hashed words. `described` recognises by descriptions, part by part, too (ours). References:
`global` (one part, no prompts), `regression` (pooled features to names, linearly). `ctr_gcn` has
that encoder, whose features are of joints and their surroundings (ours). Ablations:
`no_attention`, `no_attribute_prompts`, `no_semantic_prompts`. `unseen_names` lets unseen names take
part in the semantic loss, as released; `released` chooses as the release does, test clips aside;
`bfloat16` computes in bfloat16; `split_weights` splits what no sample asks for over the devices;
`smoke` checks the plumbing.
"""

from ml_collections import ConfigDict, config_dict

from configs import base
from configs.base import Variant


def use_frozen_encoder(config: ConfigDict) -> None:
    """Fill in every key of methods on the features of a frozen encoder: zero-shot recognition."""
    config.zero_shot = ConfigDict()
    config.zero_shot.gamma = config_dict.placeholder(float)  # the paper's, reported as such
    config.zero_shot.folds = 3  # pseudo-unseen splits of the training samples that choose gamma
    config.zero_shot.fold_encoder = "shared"  # or "own": a fold's encoder knows its classes alone

    config.encoder = ConfigDict()
    config.encoder.checkpoint = ""  # a workdir or a published state dict; "" trains one first
    config.encoder.trained_on = ""  # "seen": you state that of a published state dict
    config.encoder.person_merge = "mean"  # or "released"
    config.encoder.norm = "frozen"  # or "released": statistics of the batch, with features "fresh"
    config.encoder.features = "cached"  # or "fresh": of other random clips in every step
    config.encoder.views = 1  # cached clips of a training sample: the evaluated one, random ones
    config.encoder.repeat = 1  # passes over the training samples in one epoch
    config.encoder.epochs = 82
    config.encoder.batch_size = 32

    config.encoder.optimizer = ConfigDict()  # as `optimizer`, for training the encoder
    config.encoder.optimizer.learning_rate = 0.1
    config.encoder.optimizer.warmup_epochs = 0
    config.encoder.optimizer.milestones = (60, 80)
    config.encoder.optimizer.momentum = 0.9
    config.encoder.optimizer.weight_decay = 1e-4
    config.encoder.optimizer.rules = ()


# Shift-GCN's weight decay: more for the spatial convolutions, none for the masks (facts E.3).
SHIFT_GCN_RULES = (("graph/linear$", 1.0, 1e-3), ("graph/mask$", 1.0, 0.0))


def use_shift_gcn(config: ConfigDict) -> None:
    """Fill in every key of the Shift-GCN backbone."""
    config.backbone.name = "shift_gcn"
    config.backbone.width = 64  # channels of the first stage; they double from stage to stage
    config.backbone.stages = (4, 3, 3)  # blocks of each stage; frames halve from stage to stage
    config.backbone.shift_gradient = "released"  # or "true": of the positions in time


def use_star(config: ConfigDict) -> None:
    """Fill in every key of the method STAR, as trained in its release (facts D.5)."""
    use_frozen_encoder(config)
    config.encoder.optimizer.rules = SHIFT_GCN_RULES
    config.optimizer.learning_rate = 0.01
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = (10, 20)
    config.optimizer.weight_decay = 5e-4
    config.train.epochs = 40
    config.method.name = "star"
    config.method.partition = "6"  # "2", "4", or "global": one part
    config.method.class_text = "label"  # or "paragraph", "description": for encoders of words
    config.method.part_text = "plain"
    config.method.text_scale = "encoder"  # or "unit": for encoders whose embeddings are small
    config.method.attributes = 100  # of each part; the size of the shared space
    config.method.heads = 8  # 4 as released
    config.method.pooling = "attention"  # or "mean"
    config.method.attribute_prompts = "learnt"  # or "none"
    config.method.semantic_prompts = "learnt"  # or "none"
    config.method.semantic_prompt_scale = 1.0  # the deviation that they start with, as released
    config.method.score = "name"  # or "name_and_parts"
    config.method.similarity = "cosine"  # or "dot"
    config.method.part_weight = 1.0
    config.method.semantic_weight = 0.1  # alpha of Eq. 8
    config.method.global_weight = 0.1  # beta of Eq. 8
    config.method.semantic_classes = "seen"  # or "all": unseen names take part, as released


def unseen(split: str) -> Variant:
    """Return the variant that leaves the classes of another split unseen."""

    def change(config: ConfigDict) -> None:
        """Set the split."""
        config.data.zero_shot = split

    return change


def align_globally(config: ConfigDict) -> None:
    """Align the whole body with names alone: one part, no prompts, no attention."""
    config.method.partition = "global"
    config.method.score = "name"
    config.method.pooling = "mean"
    config.method.attribute_prompts = "none"
    config.method.semantic_prompts = "none"
    config.method.part_weight = 0.0
    config.method.semantic_weight = 0.0
    config.method.global_weight = 1.0


def regress_text(config: ConfigDict) -> None:
    """Map pooled features to the text of names linearly."""
    config.method = ConfigDict({"name": "text_regression", "global_text": config.method.class_text})
    config.optimizer.learning_rate = 0.1


def _encode_with(config: ConfigDict, use: Variant, rules: tuple[tuple, ...]) -> None:
    """Change the encoder's backbone, which keeps its size."""
    size = {key: config.backbone[key] for key in ("width", "stages")}
    config.backbone = ConfigDict()
    use(config)
    config.backbone.update(size)
    config.encoder.optimizer.rules = rules


def ctr_gcn(config: ConfigDict) -> None:
    """Encode with CTR-GCN: what a joint has there is of its surroundings, not of all joints."""
    _encode_with(config, base.use_ctr_gcn, ())


def shift_gcn(config: ConfigDict) -> None:
    """Encode with Shift-GCN, as the paper does."""
    _encode_with(config, use_shift_gcn, SHIFT_GCN_RULES)


def describe(config: ConfigDict) -> None:
    """Recognise classes by descriptions, as wholes and part by part, not by names alone: ours."""
    config.method.class_text = "description"
    config.method.score = "name_and_parts"


def shrink(config: ConfigDict) -> None:
    """Make networks, clips and folds small enough for a CPU; what else differs suits small data.

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
    config.optimizer.learning_rate = 0.02


def no_attention(config: ConfigDict) -> None:
    """Average the tokens of a part instead of attending to them."""
    config.method.pooling = "mean"


def no_attribute_prompts(config: ConfigDict) -> None:
    """Do without visual-attribute prompts."""
    config.method.attribute_prompts = "none"


def no_semantic_prompts(config: ConfigDict) -> None:
    """Do without semantic-part prompts."""
    config.method.semantic_prompts = "none"


def unseen_names(config: ConfigDict) -> None:
    """Let the names and descriptions of unseen classes take part in the semantic loss."""
    config.method.semantic_classes = "all"


def released_star(config: ConfigDict) -> None:
    """Choose as STAR's release does where it differs; test clips stay central and unturned."""
    config.encoder.person_merge = "released"
    config.encoder.norm = "released"
    config.encoder.features = "fresh"
    config.method.heads = 4
    config.method.semantic_classes = "all"


def star_clip(config: ConfigDict) -> None:
    """Use the text tower of CLIP ViT-L/14@336px, from the hub or its cache."""
    config.text.encoder = "clip"
    config.text.checkpoint = "openai/clip-vit-large-patch14-336"


def minilm(config: ConfigDict) -> None:
    """Use MiniLM, whose embeddings are small."""
    base.minilm(config)
    if config.method.name == "star":
        config.method.text_scale = "unit"


# What no sample asks for are products of layers that follow each other, queries of prompts, and the
# texts of classes. All are split along channels.
WEIGHT_RULES = (
    ("skeleton/(out|outer)/kernel$", None, "data"),
    ("(asking/weight|pool/query/kernel|projector/inner/kernel)$", None, None, "data"),
)


def split_weights(config: ConfigDict) -> None:
    """Let each device do its share of what no sample asks for, not all of it."""
    config.mesh.rules = WEIGHT_RULES


def smoke_star(config: ConfigDict) -> None:
    """Check the plumbing: every stage in one small epoch of a small network."""
    base.smoke(config)
    config.encoder.epochs = 1
    config.encoder.repeat = 1
    config.encoder.optimizer.milestones = ()
    config.zero_shot.folds = 1
    config.method.attributes = 6
    config.method.heads = 2


ZERO_SHOT_VARIANTS = {
    "smoke": smoke_star,
    "clip": star_clip,
    "minilm": minilm,
    "global": align_globally,
    "regression": regress_text,
    "described": describe,
    "ctr_gcn": ctr_gcn,
    "no_attention": no_attention,
    "no_attribute_prompts": no_attribute_prompts,
    "no_semantic_prompts": no_semantic_prompts,
    "unseen_names": unseen_names,
    "released": released_star,
    "bfloat16": base.bfloat16,
    "split_weights": split_weights,
}
