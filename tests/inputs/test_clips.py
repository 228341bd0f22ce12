"""Recipes from raw frames to clips: parity with the released feeders, and randomness by key."""

import dataclasses
import json
import pathlib
import re
import zipfile
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import KINECT20, NTU25
from gapjax.inputs import clips, rotation
from gapjax.inputs.clips import ClipRecipe
from gapjax.inputs.modalities import MODALITIES
from support import parity

NTU = ClipRecipe(NTU25)
UCLA = ClipRecipe(
    KINECT20,
    window=52,
    sampling="frames",
    origin="first_frame",
    rotation="view",
    angle=60.0,
    scale="axis_range",
)
TRAIN = {
    "ntu": dataclasses.replace(NTU, rotation="rigid", angle=0.3, modality="bone_motion", k=1),
    "ucla": dataclasses.replace(UCLA, modality="bone", k=6, k_operator="released"),
}


def evaluate(recipe: ClipRecipe, sequence: np.ndarray, pad: int = 0) -> np.ndarray:
    """Return the clip of one m t v c sequence, which is padded by `pad` frames first."""
    frames = np.pad(sequence, ((0, 0), (0, pad), (0, 0), (0, 0)))
    length = jnp.asarray([sequence.shape[1]], jnp.int32)
    run = jax.jit(partial(clips.eval_clips, recipe))
    return np.asarray(run(jnp.asarray(frames)[None], length)[0])


@pytest.mark.parametrize("length", [1, 5, 40, 64, 103, 300])
def test_parity_with_the_released_crop_and_resize(length: int) -> None:
    _, outputs = parity.load_pack("preprocess_ntu")
    sequence = outputs[f"sequence/{length}"].transpose(3, 1, 2, 0)
    crops = [key for key in outputs if key.startswith(f"center_crop/{length}/")]
    assert len(crops) >= 2
    for key in crops:
        recipe = dataclasses.replace(NTU, eval_crop=float(key.rpartition("/")[2]))
        expected = outputs[key].transpose(3, 1, 2, 0)
        np.testing.assert_allclose(evaluate(recipe, sequence, pad=9), expected, atol=1e-5)


def test_parity_with_the_released_rotation_matrix() -> None:
    _, outputs = parity.load_pack("preprocess_ntu")
    matrix = rotation.rigid_rotation(jnp.asarray(outputs["rotation/angles"]))
    np.testing.assert_allclose(matrix[0], outputs["rotation/matrix"][0], atol=1e-6)


@pytest.mark.parametrize("modality", MODALITIES[1:])
def test_parity_with_the_released_streams_of_ntu(modality: str) -> None:
    _, outputs = parity.load_pack("preprocess_ntu")
    sequence = outputs["sequence/103"].transpose(3, 1, 2, 0)
    recipe = dataclasses.replace(NTU, modality=modality)
    expected = outputs[f"{modality}/103"].transpose(3, 1, 2, 0)
    np.testing.assert_allclose(evaluate(recipe, sequence, pad=2), expected, atol=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_parity_with_the_released_test_pipeline_of_ucla(
    modality: str, nw_ucla_zip: pathlib.Path
) -> None:
    _, outputs = parity.load_pack("preprocess_ucla")
    recipe = dataclasses.replace(UCLA, modality=modality)
    names = [key.partition("/")[2] for key in outputs if key.startswith(f"{modality}/")]
    assert len(names) == 4
    with zipfile.ZipFile(nw_ucla_zip) as archive:
        members = {pathlib.PurePath(member).stem: member for member in archive.namelist()}
        for name in names:
            skeletons = np.array(json.loads(archive.read(members[name]))["skeletons"], np.float32)
            clip = parity.project(evaluate(recipe, skeletons[None], pad=20))
            np.testing.assert_allclose(clip, outputs[f"{modality}/{name}"], atol=1e-5)


def raw(skeleton_joints: int, count: int = 7) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return frames, lengths and keys; the second person of every second sample is absent."""
    rng = np.random.default_rng(3)
    length = np.array([1, 6, 30, 64, 70, 90, 52][:count], np.int32)
    frames = rng.normal(size=(count, 2, 90, skeleton_joints, 3)).astype(np.float32)
    frames[1::2, 1] = 0
    for sample, frames_of_it in zip(frames, length, strict=True):
        sample[:, frames_of_it:] = 0
    keys = jax.random.split(jax.random.key(5), count)
    return jnp.asarray(frames), jnp.asarray(length), keys


@pytest.mark.parametrize("name", TRAIN)
def test_a_sample_draws_by_its_key_alone(name: str) -> None:
    recipe = TRAIN[name]
    frames, length, keys = raw(recipe.skeleton.num_joints)
    run = jax.jit(partial(clips.train_clips, recipe))
    together = np.asarray(run(frames, length, keys))
    order = np.array([3, 0, 6, 2, 5, 1, 4])
    shuffled = np.asarray(run(frames[order], length[order], keys[order]))
    np.testing.assert_array_equal(shuffled, together[order])
    for part in (slice(0, 3), slice(4, 7)):
        np.testing.assert_array_equal(run(frames[part], length[part], keys[part]), together[part])
    again = np.asarray(run(frames, length, jax.random.split(jax.random.key(6), 7)))
    assert (again[2:] != together[2:]).any(axis=(1, 2, 3, 4)).all()


def test_on_eight_devices_each_makes_its_own_clips() -> None:
    frames, length, keys = (jnp.concatenate([array, array[:1]]) for array in raw(25))
    run = jax.jit(partial(clips.train_clips, TRAIN["ntu"]))
    mesh = jax.sharding.Mesh(jax.devices(), "batch")
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    placed = jax.device_put((frames, length, keys), sharding)
    compiled = run.lower(*placed).compile()
    assert not re.search("all-(gather|reduce|to-all)|permute", compiled.as_text())
    np.testing.assert_allclose(compiled(*placed), run(frames, length, keys), atol=1e-5)


@pytest.mark.parametrize("name", TRAIN)
def test_absent_persons_stay_zero_and_everything_is_finite(name: str) -> None:
    for modality in ("joint", "bone_motion"):
        recipe = dataclasses.replace(TRAIN[name], modality=modality)
        frames, length, keys = raw(recipe.skeleton.num_joints)
        run = jax.jit(partial(clips.train_clips, recipe))
        result = np.asarray(run(frames, length, keys))
        assert result.shape == (7, 2, recipe.window, recipe.skeleton.num_joints, 3)
        assert np.isfinite(result).all()
        assert (result[1::2, 1] == 0).all()
        assert (result[2::2, 0] != 0).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("recipe", [NTU, UCLA])
def test_padding_of_frames_and_of_the_batch_changes_nothing(recipe: ClipRecipe) -> None:
    frames, length, _ = raw(recipe.skeleton.num_joints)
    exact = clips.eval_clips(recipe, frames, length)
    longer = jnp.pad(frames, ((0, 1), (0, 0), (0, 33), (0, 0), (0, 0)))
    padded = clips.eval_clips(recipe, longer, jnp.pad(length, (0, 1)))
    np.testing.assert_array_equal(padded[:-1], exact)
    assert (padded[-1] == 0).all()


def test_training_clips_are_the_evaluated_ones_where_nothing_is_random() -> None:
    recipe = dataclasses.replace(NTU, train_crop=(1.0, 1.0), eval_crop=1.0, origin="first_frame")
    frames, length, keys = raw(25)
    expected = clips.eval_clips(recipe, frames, length)
    np.testing.assert_array_equal(clips.train_clips(recipe, frames, length, keys), expected)


def test_the_rotation_commutes_with_the_crop_where_axes_are_not_scaled() -> None:
    recipe = dataclasses.replace(UCLA, scale="none")
    frames, length, keys = raw(20)
    turned = np.asarray(clips.train_clips(recipe, frames, length, keys))
    still = np.asarray(
        clips.train_clips(dataclasses.replace(recipe, rotation="none"), frames, length, keys)
    )
    _, turn_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    matrix = rotation.random_view_rotation(turn_keys, 60)
    expected = np.einsum("bdc,bmtvc->bmtvd", matrix, still)
    np.testing.assert_allclose(turned, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampling": "frame"}, "sampling='frame' is not known; did you mean 'frames'"),
        ({"modality": "velocity"}, "modality='velocity' is not known"),
        ({"scale": "axis"}, "scale='axis' is not known"),
        ({"k_operator": ""}, "k_operator='' is not known"),
        ({"train_crop": (1.0, 0.5)}, r"train_crop=\(1.0, 0.5\) must be two shares in"),
        ({"eval_crop": 0.0}, r"eval_crop=0.0 must be a share in \(0, 1\]"),
        (
            {"rotation": "rigid", "angle": 0.0},
            "angle=0.0 must be above 0 and at most π, in radians",
        ),
        ({"rotation": "view", "angle": 0.3}, "angle=0.3 must be whole degrees from 1 to 180"),
        ({"origin": "each"}, "origin='each' is not known"),
        ({"align": "hips"}, "align='hips' is not known"),
        ({"absent_person": "mirror"}, "absent_person='mirror' is not known"),
        ({"align": "shoulders", "space": 2}, "align='shoulders' must be 'none': joints have 2"),
    ],
)
def test_a_recipe_refuses_nonsense(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        dataclasses.replace(NTU, **change)
