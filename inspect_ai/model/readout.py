"""Readout over scales: a learned query for each output attends over the tokens of strides 8, 16 and 32.

Its attention is the heat map, its pooled vector gives the logit (attention pooling as in multiple-instance learning,
arXiv 1802.04712). Where masks teach the task, an evidence map at stride 8 adds its strongest cells to the decision, or
is decision and heat map: a defect of a few pixels counts however large the picture is, on whatever part it lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NO_ATTENTION = -1e4  # likeness of a cell outside the object: its share is exactly 0 after the softmax
NO_EVIDENCE = -30.0  # logit of such a cell: a share below 1e-12, and a finite loss where a mask reaches beyond the edge
TOP_CELLS = 4  # of the evidence map: about the area of the smallest defect, 16 x 16 px


@dataclass(frozen=True, slots=True)
class Readings:
    """Output of a readout. logits [B, K]; heat [B, K, h, w] at stride 8 (the strongest slice of a volume), sums to 1;
    attention: per scale [B, K, *grid]; evidence [B, *grid] logits at stride 8, or None; features [B, F]: the mean of
    the tokens that the readout reads, scale after scale, to recognise inputs unlike those of calibration."""

    logits: Tensor
    heat: Tensor
    attention: tuple[Tensor, ...]
    evidence: Tensor | None
    features: Tensor


class Readout(nn.Module):
    """Attention pooling: tokens of three scales, each [B, *grid, C] -> Readings."""

    def __init__(
        self, channels: tuple[int, ...], width: int, outputs: int, dropout: float, decision: str = "pooled"
    ) -> None:
        """Build the layers. decision: pooled (no masks), both, or evidence (the strongest cells alone)."""
        super().__init__()
        self.decision = decision
        self.project = nn.ModuleList([nn.Sequential(nn.LayerNorm(c), nn.Linear(c, width)) for c in channels])
        self.scale_bias = nn.Parameter(torch.zeros(len(channels), width))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Parameter(torch.randn(outputs, width) * width**-0.5)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.randn(outputs, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.evidence = None
        if decision != "pooled":
            # Strides 8 and 16 alone: cells at stride 32 see the whole picture, and would learn it by heart.
            self.evidence = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))
            last = self.evidence[-1]
            assert isinstance(last, nn.Linear)  # noqa: S101 - for the type checker
            nn.init.constant_(last.bias, -3.0)  # most cells show nothing
            self.evidence_gain = nn.Parameter(torch.tensor([1.0, 0.0]))  # slope and offset of its share in the decision

    def forward(self, scales: tuple[Tensor, ...], shown: tuple[Tensor, ...] | None = None) -> Readings:
        """Read the tokens. shown: for each scale of pictures [B, h, w], False for cells that count for nothing."""
        grids = [s.shape[1:-1] for s in scales]
        maps = [p(s) + b for p, s, b in zip(self.project, scales, self.scale_bias, strict=True)]  # [B, *grid, W]
        flat = self.norm(torch.cat([m.flatten(1, -2) for m in maps], dim=1))  # [B, N, W]
        likeness = self.query @ self.key(flat).transpose(1, 2)  # [B, K, N]
        if shown is not None:
            counts = torch.cat([s.flatten(1) for s in shown], dim=1)  # [B, N]
            likeness = likeness.masked_fill(~counts[:, None], NO_ATTENTION)
        attention = likeness.softmax(dim=-1)
        pooled = attention @ self.value(flat)  # [B, K, W]
        logits = (self.dropout(pooled) * self.weight).sum(-1) + self.bias  # [B, K]
        sizes = [m.flatten(1, -2).shape[1] for m in maps]
        parts = [a.unflatten(-1, tuple(g)) for a, g in zip(attention.split(sizes, dim=-1), grids, strict=True)]
        evidence = None
        if self.evidence is not None:
            evidence = self.evidence(torch.cat(aligned(maps[:2]), dim=-1)).squeeze(-1)  # [B, *grid8]
            if shown is not None:
                evidence = evidence.masked_fill(~shown[0], NO_EVIDENCE)
            top = evidence.flatten(1).topk(TOP_CELLS, dim=1).values.mean(dim=1)  # [B]
            decisive = self.evidence_gain[0] * top + self.evidence_gain[1]
            if self.decision == "both":
                decisive = decisive + logits[:, 0]
            logits = torch.cat([decisive[:, None], logits[:, 1:]], dim=1)
        heat = merged_heat(parts)  # [B, K, h, w]
        if evidence is not None and self.decision == "evidence":
            heat = torch.cat([evidence_heat(evidence)[:, None], heat[:, 1:]], dim=1)
        features = torch.cat([tokens.mean(dim=1) for tokens in flat.split(sizes, dim=1)], dim=-1)  # [B, scales * W]
        return Readings(logits, heat, tuple(parts), evidence, features)


class AverageReadout(nn.Module):
    """Global average pooling and a linear layer over the coarsest tokens [B, h, w, C], as in common classifiers.

    Its heat map is the class activation map, which for such a head is Grad-CAM before its ReLU (arXiv 1610.02391).
    """

    def __init__(self, channels: int, outputs: int, dropout: float, stride: int, cornered: bool) -> None:
        """Build the layers. cornered: the place of tokens; see Backbone."""
        super().__init__()
        self.stride, self.cornered = stride, cornered
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, outputs)

    def forward(self, scales: tuple[Tensor, ...], shown: tuple[Tensor, ...] | None = None) -> Readings:
        """Read the coarsest tokens, all of them whatever they show, as common classifiers do."""
        del shown
        coarse = scales[-1]  # [B, h, w, C]
        features = coarse.flatten(1, -2).mean(dim=1)  # [B, C]
        logits = self.linear(self.dropout(features))  # [B, K]
        activation = F.linear(coarse, self.linear.weight).clamp(min=0.0).permute(0, 3, 1, 2)  # [B, K, h, w]
        heat = placed(activation, self.stride, self.cornered) + 1e-9
        return Readings(logits, heat / heat.sum(dim=(-1, -2), keepdim=True), (activation,), None, features)


def placed(coarse: Tensor, stride: int, cornered: bool) -> Tensor:
    """[B, K, h, w] at `stride` -> the same on cells of stride 8."""
    if not cornered:
        return F.interpolate(coarse, scale_factor=stride / 8.0, mode="bilinear", align_corners=False)
    while stride > 8:
        coarse, stride = doubled(coarse), stride // 2
    return centred(coarse)


def aligned(maps: list[Tensor]) -> list[Tensor]:
    """Bring coarser maps [B, *grid, W] onto the first one's rows and columns by repetition."""
    height, width = maps[0].shape[-3:-1]
    out = [maps[0]]
    for m in maps[1:]:
        factor_r, factor_c = -(-height // m.shape[-3]), -(-width // m.shape[-2])
        m = m.repeat_interleave(factor_r, dim=-3).repeat_interleave(factor_c, dim=-2)
        out.append(m[..., :height, :width, :])
    return out


def evidence_heat(evidence: Tensor) -> Tensor:
    """Logits [B, *grid] -> heat [B, h, w] that sums to 1; of a volume, the strongest slice at each place.

    Masks teach each cell its own content, so unlike attention these cells are centred already.
    """
    shown = evidence.sigmoid()
    shown = shown if shown.ndim == 3 else shown.amax(dim=1)
    return shown / shown.sum(dim=(-1, -2), keepdim=True)


def merged_heat(parts: list[Tensor]) -> Tensor:
    """Attention at strides 8, 16, 32, each [B, K, *grid], together on the cells of stride 8 -> [B, K, h, w], sum 1."""
    pictures = [p if p.ndim == 4 else p.amax(dim=2) for p in parts]
    h, w = pictures[0].shape[-2:]
    total = pictures[0]
    for doublings, picture in enumerate(pictures[1:], 1):
        for _ in range(doublings):
            picture = doubled(picture) / 4  # one cell's attention spreads over four
        total = total + picture[..., :h, :w]
    total = centred(total)
    return total / total.sum(dim=(-1, -2), keepdim=True)


def doubled(x: Tensor) -> Tensor:
    """[B, K, h, w] -> [B, K, 2h, 2w]: token i of stride s lies at pixel s * i; between two lies their mean."""
    x = F.interpolate(x, size=(2 * x.shape[-2] - 1, 2 * x.shape[-1] - 1), mode="bilinear", align_corners=True)
    return F.pad(x, (0, 1, 0, 1), mode="replicate")


def centred(x: Tensor) -> Tensor:
    """[B, K, h, w] at pixels 8 * i -> at the cells' centres 8 * i + 4, as all code that reads heat maps expects."""
    return F.avg_pool2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1)
