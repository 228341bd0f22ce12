"""The run of a bundle, from the bundle alone: without dataset, workdir and text encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import PARTS, Skeleton
from gapjax.experiment import model
from gapjax.experiment.schema import read_flat
from gapjax.inputs.clips import ClipRecipe
from gapjax.methods import Context
from gapjax.prompts.descriptions import from_name
from gapjax.serving import bundle
from gapjax.serving.trained import Trained, with_encoder
from gapjax.training.frozen_encoder import Encoder
from gapjax.workdir import bundle_files


def restored(folder: Path, metadata: Mapping[str, Any]) -> Trained:
    """Return the run of a bundle.

    Raises:
        UserError: it is of a gapjax before bundles could be renewed.
    """
    facts = metadata["input"]
    if "body" not in facts:
        raise UserError(f"{folder} is too old to be renewed; export its working directory again")
    plan = read_flat(bundle_files.read_config(folder))
    skeleton, embeddings = skeleton_of(facts["body"]), bundle.read_embeddings(folder)
    clips = plan.clips.build(ClipRecipe, skeleton=skeleton, space=facts["space"])
    size = next((rows.shape[-1] for rows in embeddings.values()), 1)
    labels, trained_on = metadata["labels"], metadata["trained_on"]
    parts = metadata["text"].get("recipe", {}).get("parts", PARTS)
    context = Context(
        backbone=model.build_backbone(plan, skeleton),
        skeleton=skeleton,
        labels=labels,
        descriptions=[from_name(label, parts) for label in labels],
        # Their size alone matters: the bundle's embeddings are an input of its function.
        encode=lambda strings: np.ones((len(strings), size), np.float32),
        unseen=[number for number, label in enumerate(labels) if label not in trained_on],
    )
    inference = model.inference_of(plan, context)
    if plan.on_features:
        encoder = Encoder(context.backbone, {}, plan.encoder.person_merge)
        inference = with_encoder(inference, encoder)
    return Trained(
        inference=inference,
        variables=bundle_files.read_variables(folder),
        embeddings=embeddings,
        clips=clips,
        shape=tuple(facts["shape"]),
        labels=labels,
        trained_on=trained_on,
        text=metadata["text"],
        results=metadata["measured"],
        facts=metadata["run"],
        config=plan.flat(),
        space=facts["space"],
        person_order=facts.get("person_order", "motion"),
        ranges=lambda: metadata["ranges"],
    )


def skeleton_of(body: Mapping[str, Any]) -> Skeleton:
    """Return a body model from its JSON."""
    lists = {key: value for key, value in body.items() if isinstance(value, list)}
    bones = tuple((child, parent) for child, parent in lists.pop("bones"))
    partitions = {
        name: {part: tuple(joints) for part, joints in parts.items()}
        for name, parts in body["partitions"].items()
    }
    tuples = {key: tuple(value) for key, value in lists.items()}
    return Skeleton(**{**body, **tuples, "bones": bones, "partitions": partitions})
