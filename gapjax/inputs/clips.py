"""From raw frames to what a network sees: one recipe, at random for training, fixed otherwise."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax.inputs import augment, normalize
from gapjax.inputs.modalities import K_OPERATORS, MODALITIES, apply_operator, k_operator, modality
from gapjax.registry import chosen

CHOICES = {
    "sampling": ("crop_resize", "frames"),
    "absent_person": ("zeros", "copy"),
    "origin": ("none", "first_frame", "every_frame"),
    "align": ("none", "shoulders"),
    "rotation": ("none", "rigid", "view"),
    "scale": ("none", "axis_range"),
    "modality": MODALITIES,
    "k_operator": K_OPERATORS,
}

Frames = Float[Array, "b m t v c"]
Clips = Float[Array, "b m t2 v c"]


@dataclass(frozen=True)
class ClipRecipe:
    """How raw frames become clips.

    Attributes:
        skeleton: the body model.
        space: how many of a joint's numbers are coordinates; others, such as a confidence, are
            cropped and resized with them, and otherwise left as they are. The first of those is a
            confidence: where it is zero, the joint was not seen, and is at the origin.
        window: the number of frames of a clip.
        sampling: `"crop_resize"` resizes a crop linearly (NTU, facts C.4); `"frames"` picks frames
            of the whole sequence (NW-UCLA, facts C.6).
        train_crop: the smallest and the largest share of the frames that a random crop keeps.
        eval_crop: the share of the frames that the central crop keeps.
        longest: of longer sequences the central so many frames count; None for all frames.
        absent_person: what a person who is never there is: `"zeros"`, or a `"copy"` of the first.
        origin: `"first_frame"` moves the first person's centre joint in its first frame to zero
            (where it is never seen: the mean of the joints in the first frame with any);
            `"every_frame"` everybody's root joint in every frame (PKU-MMD, facts C.7).
        align: `"shoulders"` turns everybody about the vertical axis in every frame, until the
            shoulders lie along x (PKU-MMD, facts C.7); the body model must have two of them.
        rotation: for training, `"rigid"` turns about all axes (of two coordinates: in the image),
            `"view"` about two (NW-UCLA).
        angle: the largest angle: in radians for `"rigid"` (the papers: 0.3), in whole degrees for
            `"view"` (60).
        scale: `"axis_range"` brings every axis to [-1, 1] over the whole sequence.
        modality: what the network sees: joints, bones, or the motion of either.
        k: the power of GAP's input matrix I - A^k (facts A.7); `None` for no matrix.
        k_operator: `"corrected"`, or `"released"` with the released edges of Kinect-20.
    """

    skeleton: Skeleton
    space: int = 3
    window: int = 64
    sampling: str = "crop_resize"
    train_crop: tuple[float, float] = (0.5, 1.0)
    eval_crop: float = 0.95
    longest: int | None = None
    absent_person: str = "zeros"
    origin: str = "none"
    align: str = "none"
    rotation: str = "none"
    angle: float | int = 0.0
    scale: str = "none"
    modality: str = "joint"
    k: int | None = None
    k_operator: str = "corrected"

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UserError: names the field, and what it may be.
        """
        for field, choices in CHOICES.items():
            chosen(field, getattr(self, field), choices)
        for field, (holds, demand) in self._demands().items():
            if not holds:
                raise UserError(f"{field}={getattr(self, field)!r} must be {demand}")

    def _demands(self) -> dict[str, tuple[bool, str]]:
        """Return field → whether its number makes sense, and what is asked of it."""
        low, high = self.train_crop
        angles = {
            "none": (True, ""),
            "rigid": (self.angle > 0, "more than 0, in radians (the papers: 0.3)"),
            "view": (
                self.angle > 0 and self.angle == int(self.angle),
                "a whole number of degrees above 0 (NW-UCLA: 60)",
            ),
        }
        return {
            "rotation": (
                self.rotation != "view" or self.space == 3,
                f"'rigid' or 'none': joints have {self.space} coordinates, not 3",
            ),
            "align": self._align_demand(),
            "window": (self.window >= 1, "at least 1 frame"),
            "longest": (self.longest is None or self.longest >= 1, "None or at least 1 frame"),
            "train_crop": (0 < low <= high <= 1, "two shares in (0, 1], the smaller first"),
            "eval_crop": (0 < self.eval_crop <= 1, "a share in (0, 1]"),
            "angle": angles[self.rotation],
            "k": (self.k is None or self.k >= 0, "None or at least 0"),
        }

    def _align_demand(self) -> tuple[bool, str]:
        """Return whether bodies can be aligned as is asked for, and what is asked of `align`."""
        if self.space != 3:
            return self.align == "none", f"'none': joints have {self.space} coordinates, not 3"
        left, right = self.skeleton.shoulders
        unnamed = f"{self.skeleton.name} has no two shoulders; name `shoulders` in dataset.yaml"
        return self.align == "none" or left != right, f"'none': {unnamed}, and convert again"


def train_clips(
    recipe: ClipRecipe,
    frames: Float[Array, "b m t v c"],
    length: Int[Array, " b"],
    keys: Key[Array, " b"],
) -> Float[Array, "b m t2 v c"]:
    """Return randomly cropped and turned clips.

    Args:
        recipe: how; close over it where this is jitted.
        frames: raw coordinates, padded with zeros; absent persons are zeros.
        length: the true number of frames.
        keys: one key a sample, which alone decides what the sample draws.
    """
    time_keys, turn_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    frames, length = normalize.central_frames(frames, length, recipe.longest)

    def window(whole: Frames) -> Clips:
        """Return a random part of each sample, as long as a clip."""
        if recipe.sampling == "frames":
            picked = augment.random_frames(time_keys, length, recipe.window)
            return augment.take_frames(whole, picked)
        start, span = augment.random_crop(time_keys, length, recipe.train_crop, recipe.window)
        return augment.crop_resize(whole, start, span, recipe.window)

    def turn(clips: Frames) -> Frames:
        """Return frames turned at random, each sample by one matrix."""
        if recipe.rotation == "none":
            return clips
        if recipe.rotation == "view":
            matrix = augment.random_view_rotation(turn_keys, int(recipe.angle))
        elif recipe.space == 2:
            matrix = augment.random_plane_rotation(turn_keys, recipe.angle)
        else:
            matrix = augment.random_rigid_rotation(turn_keys, recipe.angle)
        return augment.rotate(clips, matrix)

    return _assemble(recipe, frames, length, window, turn)


def eval_clips(
    recipe: ClipRecipe, frames: Float[Array, "b m t v c"], length: Int[Array, " b"]
) -> Float[Array, "b m t2 v c"]:
    """Return the one clip of each sample that is evaluated: central, not turned.

    Args:
        recipe: how; close over it where this is jitted.
        frames: raw coordinates, padded with zeros; absent persons are zeros.
        length: the true number of frames.
    """
    frames, length = normalize.central_frames(frames, length, recipe.longest)

    def window(whole: Frames) -> Clips:
        """Return the central part of each sample, as long as a clip."""
        longest = frames.shape[2]
        if recipe.sampling == "frames":
            picked = augment.even_frames(length, recipe.window, longest)
            return augment.take_frames(whole, picked)
        start, span = augment.center_crop(length, recipe.eval_crop, longest)
        return augment.crop_resize(whole, start, span, recipe.window)

    return _assemble(recipe, frames, length, window, turn=lambda clips: clips)


def _assemble(
    recipe: ClipRecipe,
    frames: Frames,
    length: Int[Array, " b"],
    window: Callable[[Frames], Clips],
    turn: Callable[[Frames], Frames],
) -> Clips:
    """Return clips in the published order: origin, crop, turns, bones, motion, operator.

    Where the axes are scaled, the turned sequence decides over its whole length, before frames
    are picked (facts C.6). Otherwise the crop comes first (facts C.4): there is less to turn.
    """
    present = normalize.seen(frames, length, recipe.space)
    if recipe.absent_person == "copy":
        frames = normalize.copy_first_person(frames, present)
        present = normalize.seen(frames, length, recipe.space)

    def turned(whole: Frames) -> Frames:
        """Return frames whose coordinates are turned, aligned first where that is asked for."""
        if recipe.align == "shoulders":
            left, right = recipe.skeleton.shoulders
            align = functools.partial(normalize.align_shoulders, left=left, right=right)
            whole = _in_space(recipe, align, whole)
        return _in_space(recipe, turn, whole)

    def posed(clips: Clips) -> Clips:
        """Return the coordinates of clips as the modality and GAP's k have them."""
        streamed = modality(clips, recipe.skeleton, recipe.modality)
        if recipe.k is None:
            return streamed
        return apply_operator(k_operator(recipe.skeleton, recipe.k, recipe.k_operator), streamed)

    centers = {
        "first_frame": functools.partial(augment.center, joint=recipe.skeleton.center),
        "every_frame": functools.partial(normalize.center_every_frame, joint=recipe.skeleton.root),
    }
    if recipe.origin != "none":
        centered = functools.partial(centers[recipe.origin], present=present)
        frames = _in_space(recipe, centered, frames)
    if recipe.scale == "axis_range":
        scaled = functools.partial(augment.scale_axes, present=present)
        clips = window(_in_space(recipe, scaled, turned(frames)))
    else:
        clips = turned(window(frames))
    return _in_space(recipe, posed, clips)


def _in_space(recipe: ClipRecipe, change: Callable[[Clips], Clips], frames: Clips) -> Clips:
    """Return frames of which only the coordinates are changed."""
    if frames.shape[-1] == recipe.space:
        return change(frames)
    changed = change(frames[..., : recipe.space])
    return jnp.concatenate([changed, frames[..., recipe.space :]], axis=-1)
