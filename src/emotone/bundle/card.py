"""Model cards: what a bundle is, how good it was measured to be, and where it must not be used."""

from __future__ import annotations

from emotone.bundle.about import BundleAbout
from emotone.bundle.target import Target

USE = """## What the scores are, and what they are not

The scores estimate *perceived* emotion: what listeners would say a voice sounds like. They do not say what a person
feels, means or intends, and they carry the language, culture and recording conditions of the training speech; expect
them to be worse elsewhere. Use them on groups and trends rather than on a single sentence, and check them on speech of
your own before relying on them.

Do not use them to decide about people: hiring, schooling, insurance, credit, policing, border control, medical
diagnosis, lie detection or monitoring at work. Inferring emotions of people is regulated in places (in the European
Union at work and in education it is prohibited); tell the people whose voices you analyse, and ask them.
"""

RELATIVE = (
    "Scores are relative: of two, the higher one has more of the attribute; their size has no unit and no range, and "
    "says nothing across attributes or bundles."
)


DESCRIPTORS_NOTE = (
    "- Descriptors: the networks were trained on openSMILE's; Emotone's own, the default, differ from them by rounding "
    "(`--lld opensmile` takes openSMILE's, for non-commercial use).\n"
)


def relied_on(about: BundleAbout) -> str:
    """The section on how far scores may be relied on; nothing where the bundle does not say."""
    lines = "".join(f"- {name}: {sentence}\n" for name, sentence in about.reliability.items())
    return f"## What may be relied on\n\n{lines}\n" if lines else ""


def published_card(about: BundleAbout) -> str:
    """The model card of a bundle made from published weights."""
    training, result = about.training, about.results[0]
    numbers = ", ".join(f"{target.name} {result[target.name]}" for target in about.targets)
    descriptors = DESCRIPTORS_NOTE if about.feature.name == "lld" else ""
    return (
        f"# {about.name}\n\n{about.description}. Scores on 1..7.\n\n"
        f"- Weights: {training.repository} at {training.commit}, checked by SHA-256, converted by Emotone.\n"
        f"- {result['protocol']}: {result['metric']} {numbers}.\n{descriptors}"
        f"- Licence: {about.licence}.\n- Cite: {about.citation}.\n\n{relied_on(about)}{USE}"
    )


def trained_card(about: BundleAbout) -> str:
    """The model card of a bundle that a recipe trained."""
    training = about.training
    targets = "; ".join(map(_describe, about.targets))
    meaning = f"- {RELATIVE}\n" if any(target.is_relative for target in about.targets) else ""
    corpora = ", ".join(f"{name} ({fingerprint})" for name, fingerprint in training.corpora.items())
    warnings = "".join(f"- **{warning}**\n" for warning in training.warnings or [])
    return (
        f"# {about.name}\n\n{about.description}\n\n{warnings}- Scores: {targets}.\n{meaning}"
        f"- Corpora: {corpora}.\n"
        f"- Recipe hash {training.recipe_hash}, seed {training.seed}, split {training.split_hash}; "
        f"the recipe is in bundle.json, the test result in the run's test.json.\n"
        f"- Licence of the corpora: {about.licence or 'not stated'}.\n"
        f"- Cite: {about.citation or 'not stated'}.\n\n{relied_on(about)}{USE}"
    )


def _describe(target: Target) -> str:
    """A target's name, and its range or labels.

    >>> _describe(Target("arousal", "attribute", (1.0, 7.0)))
    'arousal on 1..7'
    """
    if target.range is None:
        return f"{target.name}: {', '.join(target.labels)}"
    if target.is_relative:
        return f"{target.name}, relative"
    return "{} on {:g}..{:g}".format(target.name, *target.range)
