"""STAR on the built-in dataset: classes never seen in training. No download, no weights.

Data:     nothing to obtain: the first run makes data/synthetic
Command:  python -m gapjax.main --config=configs/star_demo.py --workdir=runs/star_demo
Expected: docs/expected.md, with `:global`, `:regression` and the paper's baselines; chance is
          16.7 % of clips of unseen classes
Cost:     2 min 53 s on two CPU cores with the GLIBC_TUNABLES of the Makefile, pictures included

The encoder is CTR-GCN, whose features are of joints and their surroundings. Shift-GCN, the paper's,
mixes all joints: its features of a part know the whole body, and parts have little to add there.

Variants: the splits `18_6` (the default), `20_4`, `20_4_simple`; `shift_gcn` has the paper's
encoder; `paper` and `released` follow the paper or the release where the two differ; `global`
aligns the whole body without prompts, the reference; `regression` maps pooled features to the
names' text linearly; `revise`, `jpose`, `cada_vae`, `synse` and `smie` are the paper's baselines;
`fresh` encodes other random clips in every step; `bfloat16` computes in bfloat16; `split_weights`
splits what does not depend on samples; `smoke` checks the plumbing.
"""

from ml_collections import ConfigDict

from configs import base, base_star, baselines

VARIANTS = {
    **base.splits("18_6", "20_4", "20_4_simple"),
    "shift_gcn": base_star.shift_gcn,
    "paper": base_star.paper,
    "released": base_star.released_star,
    "global": base_star.align_globally,
    "regression": base_star.regress_text,
    **baselines.VARIANTS,
    "fresh": base.setting(
        "Encode other random clips in every step instead of caching features.",
        encoder__features="fresh",
    ),
    **base.COMMON,
    "split_weights": base_star.split_weights,
    "smoke": base_star.smoke_star,
}


def get_config(variants: str = "") -> ConfigDict:
    """Return the experiment's config."""
    config = base_star.star_config("synthetic", "xsub", "18_6")
    base_star.ctr_gcn(config)
    base.use_builtin_data(config)
    config.encoder.epochs = 16
    config.encoder.batch_size = 48
    config.encoder.optimizer.milestones = (11, 14)
    config.method.class_text = "description"
    config.method.text_scale = "unit"
    config.method.attributes = 16
    config.method.global_weight = 3.0
    config.method.semantic_prompt_scale = 0.1
    config.zero_shot.folds = 1
    config.train.epochs = config.eval.every = 20
    config.optimizer.milestones = (10, 16)
    return base.apply(config, variants, VARIANTS)
