"""Configuration of a task: configs/NAME.yaml becomes a frozen, typed TaskConfig. Unknown keys are errors."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspect_ai.errors import UsageError


class Strict(BaseModel):
    """Base of all parts: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=Strict)

Attention = Literal["stripe", "global", "shifted_window", "spatial_reduction", "separable", "none"]


class LabelSet(Strict):
    """Labels of one kind of labelled folder: the column that holds them, its values, and the positive ones among these.

    A set whose values are all positive (a catalogue of defects) teaches and tests classes, never the decision.
    """

    name: str
    column: str = "label"
    classes: tuple[str, ...] = Field(min_length=2)
    positive: tuple[str, ...] = Field(min_length=1)
    draw: float = Field(default=1.0, gt=0)  # how often training draws one of its samples, relative to other sets
    grade_column: str | None = None  # an ordinal target, 0..grades-1, where the column is there
    grades: int = 0
    mask_column: str | None = None  # paths of 1-bit masks joined by ";"
    independent: Literal["picture", "group"] = "group"  # the unit of a statement about sensitivity
    independent_name: str = "group"  # its name in sentences: patient, tile, candidate
    mask_kinds: tuple[str, ...] = ()  # keep only masks whose file name ends in _KIND; all if empty
    twin_column: str | None = None  # tells pictures of one part apart that differ by light alone, such as exposures
    soft_column: str | None = None  # how sure the positive side is: votes, or a share; where empty, the label counts
    soft_of: float = Field(default=1.0, gt=0)  # the value of that column that means certainty: the number of readers
    # Near copies in different groups: join them into one unit, or only report them, where a person vouches for the
    # groups of labels.csv. Identical pixels are always one unit.
    near_copies: Literal["join", "report"] = "join"
    stack_column: str | None = None  # names of neighbouring slices in order, joined by ";"; `file` is one of them
    votes_column: str | None = None  # for each slice a PNG whose values say how many readers count a pixel in
    readers: int = Field(default=1, ge=1)  # who could vote: votes / readers is the target of a window
    covers: str = ""  # limits of what its calibration proves, in place of the task's
    own_line: bool = False  # its operating point is its own, in a folder of its name, and never that of the task
    ignore: tuple[str, ...] = ()  # further values of the column: neither positive nor negative, never counted as either

    @model_validator(mode="after")
    def _vouches_for_groups(self) -> Self:
        if self.near_copies == "report" and self.independent != "group":
            raise ValueError(
                f"label set {self.name} sets near_copies to report, which vouches for groups, but counts each picture "
                f"by itself; set independent to group, or near_copies to join"
            )
        return self

    @model_validator(mode="after")
    def _each_word_has_one_meaning(self) -> LabelSet:
        if both := sorted(set(self.ignore) & set(self.classes)):
            raise ValueError(f"label set {self.name} both counts and ignores {', '.join(both)}")
        if self.votes_column and not self.stack_column:
            raise ValueError(f"label set {self.name} has votes_column and no stack_column")
        return self

    @property
    def decides(self) -> bool:
        """True when the set knows both sides of the decision."""
        return len(set(self.positive)) < len(self.classes)

    @property
    def class_outputs(self) -> tuple[str, ...]:
        """Names of the class logits that this set teaches; none for a plain yes-or-no set."""
        return tuple(f"{self.name}:{c}" for c in self.classes) if len(self.classes) > 2 else ()

    @property
    def grade_outputs(self) -> tuple[str, ...]:
        """Names of the cumulative logits grade >= 1, >= 2, ... of an ordinal target."""
        return tuple(f"{self.name}:grade>={g}" for g in range(1, self.grades))


class Input(Strict):
    """Input of the network."""

    size: int | None = None  # side of the square unit in pixels; None keeps each picture's own size
    width: int | None = None  # of units that are not square; `size` is their height then
    channels: Literal[1, 3] = 1
    multiple: int = 32  # units are padded (mirrored) to multiples of this before the network
    window: int | None = None  # side in source pixels of what is cut out of a stack of slices around a candidate
    depth: int = Field(default=1, ge=1)  # slices of a stack that the network sees, its own in the middle; 1: it alone
    surround: float | None = None  # value of all channels where a unit shows nothing; no evidence is taken from there

    @model_validator(mode="after")
    def _height_beside_width(self) -> Input:
        if self.width is not None and self.size is None:
            raise ValueError("width is that of units whose height is `size`: set both, or neither")
        return self


class Network(Strict):
    """Choice of the network; see model/network.py. `size` and `attention` shape the trunk alone, never a baseline."""

    backbone: Literal["trunk", "resnet18", "densenet121", "efficientnet_lite0", "vit", "swin", "convnext", "medvit"] = (
        "trunk"  # all but the trunk are baselines, trained with the same recipe
    )
    size: Literal["tiny", "small"] = "small"
    attention: Attention = "stripe"  # model/attention.py
    init: str = "imagenet"  # scratch, imagenet, general (the trunk that ships), or a folder that `pretrain` wrote
    readout: Literal["scales", "average"] = "scales"  # average: global average pooling and a linear layer
    decision: Literal["both", "evidence", "pooled"] = "both"  # basis of decisions where masks teach; model/readout.py
    views: Literal["one", "mirror", "flips", "dihedral"] = "one"  # 1, 2, 4 or 8 views averaged at work
    drop_path: float = 0.1
    dropout: float = 0.2


class Augment(Strict):
    """Probabilities and ranges of training augmentation; albumentations does the work."""

    crop: int | None = None  # random crop of this side at full resolution; None keeps the whole unit
    flip_horizontal: bool = True
    flip_vertical: bool = True
    rotate90: bool = True
    rotate_degrees: float = 0.0
    border: Literal["reflect", "replicate"] = "reflect"  # what a turn shows beyond the picture: its mirror or its edge
    scale: float = 0.1  # relative zoom, plus and minus
    shift: float = 0.05  # relative shift, plus and minus
    off_centre: float = 0.2  # of the side of a window: how far a stack's candidate lies from its middle, at most
    brightness: float = 0.2
    contrast: float = 0.2
    gamma: float = 0.0  # relative, plus and minus
    blur: float = 0.0  # probability
    noise: float = 0.0  # probability
    erase: float = 0.0  # probability
    paste: float = 0.0  # probability that a negative gets another sample's defect, by its mask


RETIRED = ("seeds", "select")  # of `train` in manifests and configs of earlier versions; read, and without effect


class Training(Strict):
    """Schedule and losses of training."""

    epochs: int = 20
    batch: int = 32
    lr: float = 1e-3
    early_lr: float = 0.5  # of lr, for convolution stages that start from pretrained weights
    layer_decay: float = 1.0  # a further factor for each such block below the last
    frozen: int = 0  # first convolution blocks (and the stem) that stay as pretrained; half the cost of a step
    weight_decay: float = 0.05
    warmup_epochs: float = 1.0
    clip: float = 1.0
    ema: float = 0.99
    label_smoothing: float = 0.0
    focal: float = 0.0  # exponent of the focal loss of the decision; 0 is cross-entropy
    decision_loss: Literal["cross_entropy", "generalised", "symmetric", "bootstrap"] = (
        "cross_entropy"  # the others bear wrong labels; training/decision_loss.py
    )
    pair_weight: float = Field(
        default=0.0, ge=0
    )  # of the loss over pairs, beside the decision's; training/pair_loss.py
    pair_share: float = Field(default=0.1, gt=0, le=1)  # hardest positives paired with all negatives; 1 is the AUC
    pair_kind: Literal["logistic", "squared_hinge"] = "logistic"
    pair_memory: int = Field(default=512, ge=0)  # recent scores of each side that the pairs reach back to
    mining: float = Field(
        default=1.0, ge=1
    )  # how often a hard sample is drawn at most, 1 is its side's mean: no mining
    mining_suspect: float = Field(default=0.02, ge=0, le=0.5)  # hardest share of a side, held back: wrong labels maybe
    consistency: float = Field(default=0.0, ge=0)  # weight of answering twins alike (twin_column of a label set)
    mixup: float = 0.0  # both parameters of the Beta distribution from which mixing shares are drawn; 0 mixes nothing
    distil_weight: float = 1.0  # beside the labels, where a teacher is given
    distil_temperature: float = 2.0
    distil_views: Literal["same", "whole"] = "same"  # whole: teachers answer once for each picture, not for each view
    distil_unseen: bool = False  # a picture is taught by the teachers alone that did not train on it, if there are any
    mask_weight: float = 0.5  # weight of the auxiliary mask loss, where masks are
    class_weight: float = 1.0
    grade_weight: float = 1.0
    positive_share: float | None = None  # share of positives drawn for deciding sets; None keeps the data's own
    below_quality: float = Field(default=1.0, gt=0, le=1)  # how often a picture that the quality gate refuses is drawn
    samples_per_epoch: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"  # on a CPU; a GPU that can takes bfloat16 always
    patience: int = 8  # epochs without a better validation metric
    calibration_share: float = 0.25  # of train's groups, set aside where a folder has no calibration split

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, raw: Any) -> Any:
        return {key: value for key, value in raw.items() if key not in RETIRED} if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _fit_together(self) -> Training:
        if self.focal and self.decision_loss != "cross_entropy":
            raise ValueError(f"focal bends cross_entropy; with decision_loss {self.decision_loss} set it to 0")
        if self.mixup and (self.pair_weight or self.mining > 1):
            raise ValueError("mixup leaves no picture on one side, which pair_weight and mining need; set it to 0")
        if self.mixup and self.consistency:
            raise ValueError("mixup shows two parts at once, which have no twin; set it or consistency to 0")
        if self.mixup and self.distil_views == "whole":
            raise ValueError("mixup shows two pictures at once, of which distil_views whole knows one; set it to 0")
        return self


class Promise(Strict):
    """Promise that a folder's calibration part should carry: groups of train are set aside for it before training.

    So many positives stand in calibration that `misses` of them may lie below the threshold, or as few misses as train
    can give positives for (datasets/topping_up.py).
    """

    sensitivity: float = Field(default=0.987, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    misses: int = Field(default=0, ge=0, le=100)  # 229, 364, 483 positives at 0.987 and 0.95 for 0, 1, 2 misses
    most_taken: float = Field(default=1 / 3, ge=0, lt=1)  # share of train's positives that may go to calibration


class TaskConfig(Strict):
    """Everything about a task that a person may want to change; shipped as configs/NAME.yaml."""

    name: str
    title: str = ""
    labels: Annotated[tuple[LabelSet, ...], Field(min_length=1)]
    input: Input = Input()
    network: Network = Network()
    augment: Augment = Augment()
    train: Training = Training()
    promise: Promise | None = None  # None takes nothing from train
    options: dict[str, float | int | str | bool] = {}  # the plugin's own numbers, each explained beside its use

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's logits, in order; the first is the decision."""
        names = ["positive"]
        for labels in self.labels:
            names += labels.class_outputs + labels.grade_outputs
        return tuple(names)

    @property
    def graph_outputs(self) -> int:
        """Count of numbers that a model.onnx made elsewhere gives per unit: one per output.

        Option `graph_outputs` says otherwise where `findings` in task.py reads them itself. Raises UsageError.
        """
        given = self.options.get("graph_outputs", len(self.outputs))
        if type(given) is not int or given < 1:
            raise UsageError(f"Option graph_outputs of task {self.name} is {given!r}; it must be a number from 1 on.")
        return given

    def label_set(self, values: set[str], where: str) -> LabelSet:
        """The label set that knows all `values`. Raises UsageError that names the unknown values."""
        for labels in self.labels:
            if values <= set(labels.classes):
                return labels
        known = "; ".join(f"{s.name}: {', '.join(s.classes)}" for s in self.labels)
        raise UsageError(
            f"{where} has labels {', '.join(sorted(values)[:12])}, which task {self.name} does not know ({known}). "
            f"Add a label set to its config and train with --config."
        )


def laid_over(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the values of `changes` over `base`, mapping by mapping."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


PLAN = "plan.yaml"  # beside a task's config; its `choices` lie over it (planning/plan.py writes it)
PLAN_KEYS = frozenset({"budget", "expected_minutes", "tried", "choices"})


def read_config(path: Path, plan: Path | None = None) -> TaskConfig:
    """Read and check one YAML file, with the choices of a plan laid over it.

    Raises UsageError naming file, key, and the nearest known key.
    """
    raw = read_yaml(path)
    if plan is None:
        return parse_config(raw, str(path))
    return parse_config(laid_over(raw, read_yaml_plan(plan)["choices"]), f"{path} with {plan}")


def read_yaml_plan(path: Path) -> dict[str, Any]:
    """Read a plan.yaml, with `choices` a mapping. Raises UsageError naming file and key."""
    raw = read_yaml(path)
    if unknown := sorted(set(raw) - PLAN_KEYS):
        raise UsageError(
            f"{path}: {unknown[0]!r} is no part of a plan. Settings of the training stand below `choices`."
        )
    if not isinstance(raw.get("choices", {}), dict):
        raise UsageError(f"{path}: `choices` must be a mapping of settings, as in a config.")
    return {**raw, "choices": raw.get("choices", {})}


def parse_config(raw: dict[str, Any], where: str) -> TaskConfig:
    """Check plain values and make a TaskConfig. Raises UsageError with one sentence for each fault."""
    return checked(TaskConfig, raw, where)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UsageError if there is none."""
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise UsageError(f"{path} cannot be read as YAML: {' '.join(str(e).split())}") from e
    if not isinstance(raw, dict):
        raise UsageError(f"{path} must be a YAML mapping of settings; it is {type(raw).__name__}.")
    return raw


def checked(kind: type[Model], raw: dict[str, Any], where: str) -> Model:
    """Check `raw` as a `kind`. Raises UsageError: a sentence for each fault, and the key nearest to an unknown one."""
    try:
        return kind.model_validate(raw)
    except ValidationError as e:
        keys = sorted(_keys(kind))
        raise UsageError(f"{where}: " + " ".join(_sentence(dict(fault), keys) for fault in e.errors())) from e


# Baselines that have ImageNet weights in a registry, as the trunk has; and those whose tokens have one scale only.
_IMAGENET, _PLAIN = ("trunk", "efficientnet_lite0"), ("vit",)


def with_network(config: TaskConfig, *, backbone: str | None, init: str | None) -> TaskConfig:
    """Copy the config with another backbone or start, checked. A backbone without ImageNet weights starts from scratch.

    Raises UsageError for a backbone that does not exist.
    """
    values = config.model_dump(mode="json")
    if backbone is not None:
        values["network"]["backbone"] = backbone
        if backbone not in _IMAGENET and init is None:
            init = "scratch"
        if backbone in _PLAIN:
            values["network"]["readout"] = "average"
    if init is not None:
        values["network"]["init"] = init
    return parse_config(values, f"config of {config.name}")


# Keys of `input` that change no decision on a picture at these values: they stay out of digests that are older than
# they are. The config's file is in the certificate too.
_AS_BEFORE = {"width": None, "depth": 1, "surround": None}


def _as_before(seen: Input) -> set[str]:
    """Keys of `input` that a digest leaves out: a window is cut from stacks alone."""
    unchanged = {key for key, value in _AS_BEFORE.items() if getattr(seen, key) == value}
    return unchanged | ({"window"} if seen.depth == 1 else set())


def config_sha256(config: TaskConfig) -> str:
    """Digest of everything in the configuration that affects a decision: not the schedule, not the augmentation."""
    relevant = {
        "name": config.name,
        "outputs": config.outputs,
        "positive": [(labels.name, labels.positive) for labels in config.labels if not labels.own_line],
        "input": config.input.model_dump(exclude=_as_before(config.input)),
        "options": config.options,
        "network": config.network.model_dump(include={"backbone", "size", "attention", "readout", "decision", "views"}),
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def _sentence(fault: dict[str, Any], keys: list[str]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), keys, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{place!r} is no setting.{hint}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place!r}: {message}." if place else f"{message}."


def _keys(kind: Any) -> set[str]:
    """Names of all settings of a model and of the models within it, also in tuples and mappings of them."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return set(fields).union(*(_keys(field.annotation) for field in fields.values()))
    return set().union(*(_keys(part) for part in get_args(kind)))
