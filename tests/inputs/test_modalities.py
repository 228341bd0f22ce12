"""Bones, motion and GAP's operator, against the facts' examples and slow NumPy."""

import importlib

import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import KINECT20, NTU25, Skeleton
from gapjax.experiment.config_dict import plan_of
from gapjax.inputs import modalities

# The released parents of NTU's joints, 1-based (facts A.7).
NTU_PARENTS = (
    "1→2, 21→2, 3→21, 4→3, 5→21, 6→5, 7→6, 8→7, 23→8, 22→23, 9→21, 10→9, 11→10, 12→11, 25→12, "
    "24→25, 13→1, 14→13, 15→14, 16→15, 17→1, 18→17, 19→18, 20→19"
)
# The bone pairs (child, reference), 1-based (facts C.4 and C.6).
BONES = {
    "ntu25": "1,2 2,21 3,21 4,3 5,21 6,5 7,6 8,7 9,21 10,9 11,10 12,11 13,1 14,13 15,14 16,15 17,1 "
    "18,17 19,18 20,19 22,23 21,21 23,8 24,25 25,12",
    "kinect20": "1,2 2,3 3,3 4,3 5,3 6,5 7,6 8,7 9,3 10,9 11,10 12,11 13,1 14,13 15,14 16,15 17,1 "
    "18,17 19,18 20,19",
}


def clip(joints: int) -> np.ndarray:
    return np.random.default_rng(joints).normal(size=(2, 3, 4, joints, 3)).astype(np.float32)


@pytest.mark.parametrize("skeleton", [NTU25, KINECT20])
def test_bones_are_the_published_pairs(skeleton: Skeleton) -> None:
    x = clip(skeleton.num_joints)
    expected = np.zeros_like(x)
    for pair in BONES[skeleton.name].split():
        child, reference = (int(joint) - 1 for joint in pair.split(","))
        expected[..., child, :] = x[..., child, :] - x[..., reference, :]
    np.testing.assert_array_equal(modalities.bones(jnp.asarray(x), skeleton), expected)


def test_motion_is_the_forward_difference() -> None:
    x = clip(5)
    expected = np.zeros_like(x)
    for frame in range(3):
        expected[:, :, frame] = x[:, :, frame + 1] - x[:, :, frame]
    np.testing.assert_array_equal(modalities.motion(jnp.asarray(x)), expected)
    still = modalities.motion(jnp.asarray(x[:, :, :1]))
    assert (still == 0).all()


def test_modality_chooses_and_composes() -> None:
    x = jnp.asarray(clip(20))
    bones = modalities.bones(x, KINECT20)
    expected = (x, bones, modalities.motion(x), modalities.motion(bones))
    for name, value in zip(modalities.MODALITIES, expected, strict=True):
        np.testing.assert_array_equal(modalities.modality(x, KINECT20, name), value)


@pytest.mark.parametrize("variant", modalities.K_OPERATORS)
def test_the_operator_of_ntu_subtracts_the_kth_ancestor(variant: str) -> None:
    parents = dict(tuple(map(int, pair.split("→"))) for pair in NTU_PARENTS.split(", "))
    x = np.random.default_rng(0).normal(size=(25, 3)).astype(np.float32)
    for k in range(1, 9):
        expected = x.copy()
        for joint in range(1, 26):
            ancestor = joint
            for _ in range(k):
                ancestor = parents.get(ancestor)
            if ancestor is not None:
                expected[joint - 1] -= x[ancestor - 1]
        result = modalities.k_operator(NTU25, k, variant) @ x
        np.testing.assert_allclose(result, expected, atol=1e-6)
    assert not (modalities.k_operator(NTU25, 7, variant) == np.eye(25)).all()
    assert (modalities.k_operator(NTU25, 8, variant) == np.eye(25)).all()


def one_based(row: np.ndarray) -> dict[int, float]:
    return {int(joint) + 1: float(row[joint]) for joint in np.flatnonzero(row)}


def test_the_released_operator_of_kinect_is_reproduced() -> None:
    first = modalities.k_operator(KINECT20, 1, "released")
    assert one_based(first[2]) == {3: 1, 2: -1, 4: -1, 5: -1, 9: -1}
    for leaf in (4, 8, 12, 16, 20):
        assert one_based(first[leaf - 1]) == {leaf: 1}
    sixth = modalities.k_operator(KINECT20, 6, "released")
    assert one_based(sixth[2]) == {3: 1, 16: -1, 20: -1}
    assert one_based(np.delete(sixth - np.eye(20), 2, axis=0).sum(axis=0)) == {}


def test_the_corrected_operator_of_kinect_gives_bones() -> None:
    first = modalities.k_operator(KINECT20, 1)
    assert one_based(first[1]) == {2: 1}
    assert one_based(first[2]) == {3: 1, 2: -1}
    assert one_based(first[4]) == {5: 1, 3: -1}
    assert (modalities.k_operator(KINECT20, 6) == np.eye(20)).all()


def test_k_zero_is_the_identity_and_a_wrong_variant_is_refused() -> None:
    assert (modalities.k_operator(NTU25, 0) == np.eye(25)).all()
    with pytest.raises(UserError, match="k_operator='correct' is not known"):
        modalities.k_operator(NTU25, 1, "correct")


def test_the_operator_acts_on_joints_of_every_frame() -> None:
    x = clip(20)
    operator = modalities.k_operator(KINECT20, 2, "released")
    result = modalities.apply_operator(operator, jnp.asarray(x))
    np.testing.assert_allclose(result[1, 2, 3], operator @ x[1, 2, 3], atol=1e-5)
    np.testing.assert_allclose(result[0, 1, 0], operator @ x[0, 1, 0], atol=1e-5)


STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


@pytest.mark.parametrize(
    ("config", "skeleton"),
    [
        *(("gap_demo", NTU25), ("gap_ntu60", NTU25), ("gap_ntu120", NTU25)),
        *(("gap_ucla", KINECT20), ("star_ntu60", NTU25)),
    ],
)
def test_a_stream_is_named_by_modality_and_k(config: str, skeleton: Skeleton) -> None:
    """The configs of GAP make bones with k = 1, those of STAR with the modality."""
    make = importlib.import_module(f"configs.{config}").get_config
    for name in STREAMS:
        for extra in ("", "released", "paper"):
            variants = ([] if name == "joint" else [name]) + ([extra] if extra else [])
            plan = plan_of(make(",".join(variants) if config.startswith("gap") else ""))
            modality = plan.clips["modality"] if config.startswith("gap") else name
            assert modalities.stream(skeleton, modality, plan.clips["k"]) == name
    assert modalities.stream(skeleton, "joint", 0) == "joint"
    assert modalities.stream(skeleton, "joint", 2) == "joint, k=2"
    assert modalities.stream(skeleton, "bone", 1) == "bone, k=1"
