"""From raw frames to the clips that a network sees: random for training, fixed for evaluation.

A recipe's steps are applied in this order, which is that of the released feeders:

1. `longest`, `absent_person` and `origin` prepare the whole sequence;
2. `sampling` with `train_crop` or `eval_crop` makes a clip of `window` frames;
3. `align` and, in training, `rotation` rotate it;
4. `modality` and `k` select what the network sees.

With `scale`, step 3 and then the scaling come before step 2 (NW-UCLA's feeder): both concern the
whole sequence. Otherwise the crop comes first, which leaves fewer frames to rotate (NTU's feeder).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax.inputs import crop, modalities, normalize, rotation
from gapjax.inputs.modalities import K_OPERATORS, MODALITIES
from gapjax.registry import check_choices, number, one_of

Frames = Float[Array, "b m t v c"]
Clips = Float[Array, "b m t2 v c"]
Length = Int[Array, " b"]
TakeWindow = Callable[[Frames, Length], Clips]
Change = Callable[[Frames], Frames]


@dataclass(frozen=True)
class ClipRecipe:
    """How raw frames become clips.

    Attributes:
        skeleton: the body model.
        space: the number of coordinates of a joint. Further numbers are cropped and resized with
            them and otherwise left unchanged. The first of them is a confidence: where it is zero,
            the joint was not seen and is at the origin.
        window: the number of frames of a clip.
        sampling: `crop_resize` resizes a crop linearly (NTU); `frames` picks frames of the
            whole sequence (NW-UCLA).
        train_crop: the smallest and the largest share of the frames that a random crop keeps.
        eval_crop: the share of the frames that the central crop keeps.
        longest: only this many central frames of longer sequences are used; None for all frames.
        absent_person: what a person who is never present becomes: `zeros` (NTU 60), or a `copy` of
            the first person (NTU 120).
        origin: `first_frame` moves the center joint of the first person's first frame to the
            origin; `every_frame` every person's root joint in every frame (PKU-MMD).
        align: `shoulders` rotates every person about the vertical axis in every frame until the
            shoulders lie along x (PKU-MMD). The body model must name two shoulders.
        rotation: in training, `rigid` rotates about all axes (with two coordinates: in the image
            plane), `view` about two and scales (NW-UCLA).
        angle: the largest angle: in radians for `rigid`, in whole degrees for `view`.
        scale: `axis_range` scales every axis to [-1, 1] over the whole sequence (NW-UCLA).
        modality: what the network sees: joints, bones, or the motion of either.
        k: the power of GAP's input matrix I - A^k; None for no matrix.
        k_operator: `corrected`, or `released` with the released edges of Kinect-20.
    """

    skeleton: Skeleton
    space: int = 3
    window: int = number(64, least=1, most=10_000)
    sampling: str = one_of("crop_resize", "frames")
    train_crop: tuple[float, float] = number((0.5, 1.0), most=1)
    eval_crop: float = number(0.95, most=1)
    longest: int | None = number(None, least=1)
    absent_person: str = one_of("zeros", "copy")
    origin: str = one_of("none", "first_frame", "every_frame")
    align: str = one_of("none", "shoulders")
    rotation: str = one_of("none", "rigid", "view")
    angle: float = 0.3
    scale: str = one_of("none", "axis_range")
    modality: str = one_of(*MODALITIES)
    k: int | None = None
    k_operator: str = one_of(*K_OPERATORS)

    def __post_init__(self) -> None:
        """Raise UserError for a value that a field cannot have, beyond the range of its number."""
        check_choices(self)
        low, high = self.train_crop
        self._require("train_crop", 0 < low <= high <= 1, "two shares in (0, 1], the smaller first")
        self._require("eval_crop", 0 < self.eval_crop <= 1, "a share in (0, 1]")
        self._check_rotation()
        self._check_align()

    def _require(self, field: str, condition: bool, demand: str) -> None:
        if not condition:
            raise UserError(f"{field}={getattr(self, field)!r} must be {demand}")

    def _check_rotation(self) -> None:
        if self.rotation == "rigid":
            in_radians = 0 < self.angle <= np.pi
            self._require("angle", in_radians, "above 0 and at most π, in radians (papers: 0.3)")
        if self.rotation == "view":
            demand = f"'rigid' or 'none': joints have {self.space} coordinates, not 3"
            self._require("rotation", self.space == 3, demand)
            is_degrees = 1 <= self.angle <= 180 and self.angle == int(self.angle)
            self._require("angle", is_degrees, "whole degrees from 1 to 180 (NW-UCLA: 60)")

    def _check_align(self) -> None:
        if self.align == "none":
            return
        demand = f"'none': joints have {self.space} coordinates, not 3"
        self._require("align", self.space == 3, demand)
        left, right = self.skeleton.shoulders
        unnamed = f"{self.skeleton.name} has no two shoulders; name `shoulders` in dataset.yaml"
        self._require("align", left != right, f"'none': {unnamed}, and convert again")


def train_clips(
    recipe: ClipRecipe,
    frames: Float[Array, "b m t v c"],
    length: Int[Array, " b"],
    keys: Key[Array, " b"],
) -> Float[Array, "b m t2 v c"]:
    """Return randomly cropped and rotated clips.

    Args:
        recipe: how clips are made; static under `jax.jit`.
        frames: raw frames, padded with zeros; absent persons are zeros.
        length: the true number of frames.
        keys: one key per sample, which alone decides what the sample draws.
    """
    crop_keys, rotation_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    take_window = partial(_random_window, recipe, crop_keys)
    return _make_clips(recipe, frames, length, take_window, partial(_rotate, recipe, rotation_keys))


def eval_clips(
    recipe: ClipRecipe, frames: Float[Array, "b m t v c"], length: Int[Array, " b"]
) -> Float[Array, "b m t2 v c"]:
    """Return the evaluated clip of each sample, central and not rotated; see `train_clips`."""
    sample = partial(_central_window, recipe)
    return _make_clips(recipe, frames, length, sample, lambda clips: clips)


def _make_clips(
    recipe: ClipRecipe, frames: Frames, length: Length, take_window: TakeWindow, rotate: Change
) -> Clips:
    """Return clips, by the steps of the module's docstring."""
    frames, length = crop.central_frames(frames, length, recipe.longest)
    present = normalize.presence(frames, length, recipe.space)
    if recipe.absent_person == "copy":
        frames = normalize.copy_first_person(frames, present)
        present = normalize.presence(frames, length, recipe.space)
    frames = _move_origin(recipe, frames, present)
    if recipe.scale == "axis_range":
        frames = rotate(_align(recipe, frames))
        scale = partial(normalize.scale_axes, present=present)
        clips = take_window(_on_coordinates(recipe, scale, frames), length)
    else:
        clips = rotate(_align(recipe, take_window(frames, length)))
    return _on_coordinates(recipe, partial(_select, recipe), clips)


def _random_window(
    recipe: ClipRecipe, keys: Key[Array, " b"], frames: Frames, length: Length
) -> Clips:
    """Return `window` frames of a random crop, or `window` random frames."""
    if recipe.sampling == "frames":
        return crop.take_frames(frames, crop.random_frames(keys, length, recipe.window))
    start, span = crop.random_crop(keys, length, recipe.train_crop, recipe.window)
    return crop.crop_resize(frames, start, span, recipe.window)


def _central_window(recipe: ClipRecipe, frames: Frames, length: Length) -> Clips:
    """Return `window` frames of the central crop, or `window` evenly spaced frames."""
    longest = frames.shape[2]
    if recipe.sampling == "frames":
        return crop.take_frames(frames, crop.even_frames(length, recipe.window, longest))
    start, span = crop.center_crop(length, recipe.eval_crop, longest)
    return crop.crop_resize(frames, start, span, recipe.window)


def _move_origin(recipe: ClipRecipe, frames: Frames, present: Bool[Array, "b m t *v"]) -> Frames:
    skeleton = recipe.skeleton
    if recipe.origin == "first_frame":
        move = partial(normalize.center_first_frame, present=present, joint=skeleton.center)
    elif recipe.origin == "every_frame":
        move = partial(normalize.center_every_frame, present=present, joint=skeleton.root)
    else:
        return frames
    return _on_coordinates(recipe, move, frames)


def _align(recipe: ClipRecipe, frames: Frames) -> Frames:
    if recipe.align == "none":
        return frames
    left, right = recipe.skeleton.shoulders
    align = partial(normalize.align_shoulders, left=left, right=right)
    return _on_coordinates(recipe, align, frames)


def _rotate(recipe: ClipRecipe, keys: Key[Array, " b"], frames: Frames) -> Frames:
    if recipe.rotation == "none":
        return frames
    if recipe.rotation == "view":
        matrix = rotation.random_view_rotation(keys, int(recipe.angle))
    elif recipe.space == 2:
        matrix = rotation.random_plane_rotation(keys, recipe.angle)
    else:
        matrix = rotation.random_rigid_rotation(keys, recipe.angle)
    return _on_coordinates(recipe, partial(rotation.rotate, matrix=matrix), frames)


def _select(recipe: ClipRecipe, clips: Clips) -> Clips:
    clips = modalities.modality(clips, recipe.skeleton, recipe.modality)
    if recipe.k is None:
        return clips
    operator = modalities.k_operator(recipe.skeleton, recipe.k, recipe.k_operator)
    return modalities.apply_operator(operator, clips)


def _on_coordinates(recipe: ClipRecipe, change: Change, frames: Frames) -> Frames:
    """Return frames with `change` applied to the coordinates, not to numbers after them."""
    if frames.shape[-1] == recipe.space:
        return change(frames)
    changed = change(frames[..., : recipe.space])
    return jnp.concatenate([changed, frames[..., recipe.space :]], axis=-1)
