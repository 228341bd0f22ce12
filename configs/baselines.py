"""The zero-shot methods that STAR is compared with, as variants of its configs.

Rates, batches and epochs are those of their public code, on which their modules say more; CADA-VAE
and SynSE train longer, for the sake of folds. Where the data have few clips, a larger rate takes
the place of many epochs, and short cycles that of long ones (ours).
"""

from ml_collections import ConfigDict

from configs import base
from gapjax.experiment.config_dict import choose

# Epochs in which the smallest fold of every split completes ten cycles of 1900 steps. A run itself
# has more samples and takes up to 2.5 times as many steps, with the weights of the last one.
_EPOCHS = {"ntu60": 66, "ntu120": 48, "pku_mmd": 180}


def _choose(config: ConfigDict, name: str) -> None:
    """Train a method with Adam, on the text that stands for a class."""
    text = config.method.class_text
    choose(config, "method", name)
    if "class_text" in config.method:
        config.method.class_text = text
    config.optimizer.update(algorithm="adam", learning_rate=1e-4, weight_decay=0.0)
    config.optimizer.update(milestones=(), warmup_epochs=0)
    # The paper's γ is of STAR's cosines.
    config.zero_shot.gamma = None
    if is_small(config):
        config.optimizer.learning_rate = 1e-3
        config.train.epochs = config.eval.every = 100


def is_small(config: ConfigDict) -> bool:
    """Return whether the data have too few clips for the published schedules."""
    return config.data.dataset not in _EPOCHS


@base.about("reference")
def revise(config: ConfigDict) -> None:
    """Use ReViSE (Tsai et al., ICCV 2017), a baseline of the paper."""
    _choose(config, "revise")
    config.optimizer.rules = (("^text/", 1.0, 1e-3),)
    if not is_small(config):
        config.train.update(batch_size=1024, epochs=300)
        config.eval.every = 25


@base.about("reference")
def jpose(config: ConfigDict) -> None:
    """Use JPoSE (Wray et al., ICCV 2019), a baseline of the paper, on verbs and nouns."""
    _choose(config, "jpose")
    config.optimizer.rules = (("_joint/", 1.0, 1e-3),)
    if not is_small(config):
        config.train.update(batch_size=1024, epochs=300)
        config.eval.every = 25


@base.about("reference")
def smie(config: ConfigDict) -> None:
    """Use SMIE (Zhou et al., ACM MM 2023), a baseline of the paper."""
    _choose(config, "smie")
    config.optimizer.update(schedule="cosine", warmup_epochs=15)
    if not is_small(config):
        config.optimizer.learning_rate = 1e-5
        config.train.update(batch_size=128, epochs=100)
        config.eval.every = 10


@base.about("reference")
def cada_vae(config: ConfigDict) -> None:
    """Use CADA-VAE (Schönfeld et al., CVPR 2019), a baseline of the paper."""
    _choose(config, "cada_vae")
    _in_cycles(config)


@base.about("reference")
def synse(config: ConfigDict) -> None:
    """Use SynSE (Gupta et al., ICIP 2021), a baseline of the paper, on verbs and nouns."""
    _choose(config, "synse")
    _in_cycles(config)


def _in_cycles(config: ConfigDict) -> None:
    """Train for ten cycles at least, and fit the classifier once."""
    if is_small(config):
        config.method.cycle = 40
    else:
        config.train.epochs = config.eval.every = _EPOCHS[config.data.dataset]
    if config.data.dataset == "ntu120":
        config.method.latent = 200


VARIANTS = {"revise": revise, "jpose": jpose, "cada_vae": cada_vae, "synse": synse, "smie": smie}
