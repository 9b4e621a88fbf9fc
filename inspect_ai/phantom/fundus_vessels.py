"""Vessels of the retina: four arcades of artery and vein out of the disc, with twigs down to a hair's width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspect_ai.phantom.noise import Field, Points, draw, profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Eye:
    """Layout of one photograph of side `size`, in pixels as (column, row); `side` +1 is a right eye."""

    size: int
    side: int
    disc: Points
    fovea: Points
    disc_radius: float
    field_radius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessels:
    """Coverage 0..1 of arteries and veins, [H, W] each, and of the bright reflex along the arteries."""

    arteries: Field
    veins: Field
    reflex: Field


def grow_vessels(rng: np.random.Generator, eye: Eye) -> Vessels:
    """Grow the tree of one eye."""
    shape = (eye.size, eye.size)
    canvases = Vessels(
        arteries=np.zeros(shape, np.float32), veins=np.zeros(shape, np.float32), reflex=np.zeros(shape, np.float32)
    )
    for vertical in (-1, 1):
        for temporal in (True, False):
            jitter = rng.normal(0, 0.035)
            for vein in (True, False):
                path = _arcade(rng, eye, vertical, temporal, vein, jitter)
                width = eye.size * (0.0125 if vein else 0.0092) * (1.0 if temporal else 0.75) * rng.uniform(0.9, 1.1)
                _grow(rng, eye, canvases, path, width, vein, 0)
    for vein in (True, False, False, True):  # short vessels between disc and fovea, and to the nose
        toward = eye.fovea if rng.random() < 0.75 else 2 * eye.disc - eye.fovea
        aim = toward + rng.normal(0, 0.16 * eye.size, 2) * (0.35, 1.0)
        path = _curved(rng, eye.disc, aim, eye.size * 0.24, eye.size)
        _grow(rng, eye, canvases, path, eye.size * 0.0040, vein, 1)
    return canvases


def _arcade(rng: np.random.Generator, eye: Eye, vertical: int, temporal: bool, vein: bool, jitter: float) -> Points:
    """[N, 2] course of one main vessel: up or down out of the disc, then round the macula or away to the nose."""
    size = eye.size
    t = np.linspace(0, 1, 70)
    apart = (0.020 if vein else -0.012) + jitter
    if temporal:  # a half ellipse about the fovea, a little open at its far end
        centre = eye.fovea + np.array([0.02 * size * eye.side, 0])
        reach, rise = abs(eye.disc[0] - centre[0]), size * (0.285 + apart)
        angle = t * np.pi * rng.uniform(0.74, 0.86)
        along = centre[0] + eye.side * reach * np.cos(angle) * (1 + 0.62 * t)
        height = eye.disc[1] * (1 - t) ** 3 + centre[1] * (1 - (1 - t) ** 3) + vertical * rise * np.sin(angle) ** 0.75
    else:
        along = eye.disc[0] + eye.side * size * 0.33 * t ** rng.uniform(1.2, 1.9)
        height = eye.disc[1] + vertical * size * (0.42 + 2 * apart) * t ** rng.uniform(0.75, 1.0)
    path = np.stack([along, height], 1)
    sway = np.stack([profile(rng, len(t), 6), profile(rng, len(t), 6)], 1) * (0.0075 if vein else 0.008) * size
    return np.asarray(path + sway * np.minimum(t * 6, 1)[:, None], np.float64)


def _curved(
    rng: np.random.Generator, start: Points, aim: Points, length: float, size: int, turn: float = 0.0
) -> Points:
    """[N, 2] wavy course from start towards aim that bends away by `turn` radians over its length."""
    straight = aim - start
    count = max(int(length / (size * 0.007)), 5)
    t = np.linspace(0, 1, count)
    sway = 0.22 * profile(rng, count, 3.2) + 0.22 * profile(rng, count, 9)
    angles = np.arctan2(straight[1], straight[0]) + turn * t + sway * np.minimum(t * 5, 1)
    moves = np.stack([np.cos(angles), np.sin(angles)], 1)[:-1] * (length / (count - 1))
    return np.asarray(start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, 0)]), np.float64)


def _grow(
    rng: np.random.Generator, eye: Eye, canvases: Vessels, path: Points, width: float, vein: bool, level: int
) -> None:
    """Draw a vessel that tapers along its path, and grow twigs to alternating sides."""
    from_fovea = np.linalg.norm(path - eye.fovea, axis=1)
    if level and (near := np.flatnonzero(from_fovea < 0.055 * eye.size)).size:
        path = path[: near[0]]  # nothing enters the avascular zone
    if len(path) < 3:
        return
    widths = width * np.linspace(1.0, 0.3 if level == 0 else 0.5, len(path))
    strength = float(np.clip(0.25 + width / (0.010 * eye.size), 0.35, 1.0))
    draw(canvases.veins if vein else canvases.arteries, path, widths, strength)
    if not vein and level == 0:
        draw(canvases.reflex, path, widths * 0.3, 0.8)
    if width < 0.0022 * eye.size or level > 3:
        return
    spacing = eye.size * (0.075 if level == 0 else 0.055)
    per_point = float(np.linalg.norm(np.diff(path, axis=0), axis=1).mean())
    turn = rng.choice([-1.0, 1.0])
    at = rng.uniform(1.2, 2.2) * spacing
    while at < per_point * (len(path) - 2):
        index = int(at / per_point)
        heading = path[index + 1] - path[index]
        angle = np.arctan2(heading[1], heading[0]) + turn * rng.uniform(0.55, 1.1)
        length = eye.size * rng.uniform(0.12, 0.30) * (0.72**level)
        aim = path[index] + np.array([np.cos(angle), np.sin(angle)]) * length
        # Twigs on the macular side bend towards the fovea, as they do in life.
        if np.linalg.norm(aim - eye.fovea) < 0.3 * eye.size:
            aim = aim + 0.25 * (eye.fovea - aim)
        twig = _curved(rng, path[index], aim, length, eye.size, turn=-turn * rng.uniform(0.0, 0.8))
        _grow(rng, eye, canvases, twig, float(widths[index]) * rng.uniform(0.38, 0.62), vein, level + 1)
        turn = -turn if rng.random() < 0.8 else turn
        at += spacing * rng.uniform(0.7, 1.9)
