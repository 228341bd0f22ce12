"""What a pickle of PYSKL's holds: eight samples of NTU RGB+D's names."""

from typing import Any

import numpy as np

NAMES = [f"S001C00{c}P00{p}R001A0{a:02}" for a in (1, 60) for p in (1, 3) for c in (1, 2)]


def annotation(number: int, flat: bool) -> dict[str, Any]:
    """Return a sample: of two dimensions with scores, or of three.

    The first person moves most.
    """
    rng, persons = np.random.default_rng(number), 1 + number % 2
    frames, joints = 4 + number, 17 if flat else 25
    made = {
        "frame_dir": NAMES[number],
        "label": 59 * (number // 4),
        "total_frames": frames,
        "keypoint": rng.normal(size=(persons, frames, joints, 2 if flat else 3)),
    }
    made["keypoint"][1:] /= 2
    if flat:
        made["keypoint"] = (made["keypoint"] * 100).astype(np.float16)
        made["keypoint_score"] = rng.uniform(size=(persons, frames, joints)).astype(np.float16)
        made |= {"img_shape": (1080, 1920), "label": np.int64(made["label"])}
    return made


def content(flat: bool) -> dict[str, Any]:
    """Return what a pickle holds: subject 1 trains across subjects, camera 2 across views."""
    split = {
        "xsub_train": [name for name in NAMES if "P001" in name],
        "xsub_val": [name for name in NAMES if "P003" in name],
        "xview_train": [name for name in NAMES if "C002" in name],
        "xview_val": [name for name in NAMES if "C001" in name],
    }
    return {"split": split, "annotations": [annotation(i, flat) for i in range(len(NAMES))]}
