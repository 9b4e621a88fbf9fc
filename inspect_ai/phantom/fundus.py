"""Colour photographs of the back of the eye: light that its layers absorb, through a slightly soft camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inspect_ai.phantom.fundus_lesions import Lesions, make_lesions
from inspect_ai.phantom.fundus_vessels import Eye, Vessels, grow_vessels
from inspect_ai.phantom.noise import Field, fractal, grid, smooth, step
from inspect_ai.phantom.spot import Spot

# Absorption of red, green and blue light by each layer; measured by eye against photographs.
BLOOD = np.array([0.35, 1.00, 0.75], np.float32)
PIGMENT = np.array([0.55, 0.80, 0.70], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fundus:
    """A made photograph, [H, W, 3] uint8 RGB, its eye ("R" or "L") and the places of lesions."""

    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    laterality: str
    spots: tuple[Spot, ...]


def make_fundus(rng: np.random.Generator, *, size: int, laterality: str, lesions: float, tint: str) -> Fundus:
    """Make one photograph. lesions: 0 for a healthy eye, 1 for moderate retinopathy; tint: a name of TINTS."""
    eye = _lay_out(rng, size, laterality)
    vessels = grow_vessels(rng, eye)
    marks = make_lesions(rng, eye, lesions) if lesions > 0 else None
    density = _pigment(rng, eye)[..., None] * PIGMENT + _blood(vessels, marks)[..., None] * BLOOD
    colour = TINTS[tint] * np.exp(-density)
    colour = _disc(rng, eye, colour, TINTS[tint], vessels)
    colour = colour + vessels.reflex[..., None] * np.array([0.05, 0.045, 0.03], np.float32)
    if marks is not None:
        colour = _bright_lesions(colour, marks)
    picture = _camera(rng, eye, colour)
    return Fundus(picture=picture, laterality=laterality, spots=marks.spots if marks else ())


# Reflected colour of a bare fundus, RGB in 0..1: eyes differ by pigment, cameras by their balance.
TINTS = {
    "orange": np.array([0.74, 0.37, 0.13], np.float32),
    "brown": np.array([0.62, 0.36, 0.20], np.float32),
    "pink": np.array([0.76, 0.47, 0.36], np.float32),
}


def _lay_out(rng: np.random.Generator, size: int, laterality: str) -> Eye:
    """Lay out a macula-centred 45 degree field: the disc lies to the nose, a little above the fovea."""
    side = 1 if laterality == "R" else -1
    fovea = np.array([size * (0.5 - side * rng.uniform(0.03, 0.09)), size * rng.uniform(0.49, 0.53)])
    disc = fovea + np.array([side * size * rng.uniform(0.33, 0.36), -size * rng.uniform(0.01, 0.05)])
    return Eye(
        size=size,
        side=side,
        disc=disc,
        fovea=fovea,
        disc_radius=size * rng.uniform(0.060, 0.070),
        field_radius=size * 0.488,
    )


def _pigment(rng: np.random.Generator, eye: Eye) -> Field:
    """Density of pigment: macula, the choroid's mottling and ribbons, fine grain, nerve-fibre sheen at the disc."""
    shape = (eye.size, eye.size)
    rows, cols = grid(shape)
    unit = eye.size / 720
    from_fovea = np.hypot(rows - eye.fovea[1], cols - eye.fovea[0]) / eye.size
    macula = 0.26 * np.exp(-((from_fovea / 0.085) ** 2)) + 0.22 * np.exp(-((from_fovea / 0.032) ** 2))
    broad = 0.075 * fractal(rng, shape, 130 * unit, 3)
    ridges = np.abs(fractal(rng, shape, 60 * unit, 2))  # zero lines of a field look like the choroid's ribbons
    ribbons = -0.05 * np.exp(-((ridges / 0.22) ** 2)) * np.clip(from_fovea * 5 - 0.4, 0, 1)
    grain = 0.014 * fractal(rng, shape, 7 * unit, 3) + 0.008 * smooth(rng, shape, 2.2 * unit)
    from_disc = np.hypot(rows - eye.disc[1], cols - eye.disc[0]) / eye.size
    angle = np.arctan2(rows - eye.disc[1], cols - eye.disc[0])
    threads = np.cos(angle * 90 + 80 * broad) * smooth(rng, shape, 30 * unit)
    poles = np.abs(np.sin(angle)) ** 2 * np.exp(-((from_disc / 0.19) ** 2)) * (from_disc > 0.05)
    sheen = -poles * (0.14 + 0.025 * threads)
    halo = 0.12 * np.exp(-(((from_disc - eye.disc_radius / eye.size) / 0.014) ** 2)) * (0.6 - 0.4 * np.cos(angle))
    return np.asarray(macula + broad + ribbons + grain + sheen + halo, np.float32)


def _blood(vessels: Vessels, marks: Lesions | None) -> Field:
    """Density of blood inside and outside vessels."""
    blur = cv2.GaussianBlur(vessels.veins, (0, 0), 1.0) * 0.52, cv2.GaussianBlur(vessels.arteries, (0, 0), 0.9) * 0.33
    density = np.maximum(*blur)
    if marks is not None:
        density = np.maximum(density, cv2.GaussianBlur(marks.blood, (0, 0), 0.7) * 0.66)
    return np.asarray(density, np.float32)


def _disc(rng: np.random.Generator, eye: Eye, colour: Field, tint: Field, vessels: Vessels) -> Field:
    """Lay the optic disc over the fundus: a pink rim, paler towards the temple, a pale cup, the vessels over all."""
    shape = (eye.size, eye.size)
    rows, cols = grid(shape)
    down, right = (rows - eye.disc[1]) * 0.92, cols - eye.disc[0]
    uneven = 1 + 0.02 * smooth(rng, shape, eye.size / 14)
    rim = step(np.asarray(np.hypot(down, right) * uneven - eye.disc_radius, np.float32), eye.disc_radius * 0.16)
    cup_away = np.hypot(down, right + eye.side * 0.10 * eye.disc_radius) * uneven
    cup = step(np.asarray(cup_away - eye.disc_radius * rng.uniform(0.36, 0.48), np.float32), eye.disc_radius * 0.32)
    temporal = np.clip(0.5 - eye.side * right / (2 * eye.disc_radius), 0, 1)
    rosy = np.array([0.93, 0.60, 0.30], np.float32) * 0.8 + tint * 0.3
    tissue = rosy + temporal[..., None] * np.array([0.04, 0.13, 0.10], np.float32)
    tissue = tissue * (1 - cup[..., None]) + cup[..., None] * (
        0.75 * np.array([1.0, 0.93, 0.62], np.float32) + 0.35 * tint
    )
    tissue = tissue * (1 + 0.03 * fractal(rng, shape, eye.size / 40, 3))[..., None]
    glow = np.exp(-((np.hypot(down, right) / (1.75 * eye.disc_radius)) ** 2)) * 0.06
    over = np.exp(-(_blood(vessels, None) * 1.05)[..., None] * BLOOD)
    laid = (colour + glow[..., None]) * (1 - rim[..., None]) + tissue * over * rim[..., None]
    return np.asarray(laid, np.float32)


def _bright_lesions(colour: Field, marks: Lesions) -> Field:
    """Paint hard exudates, waxy yellow and sharp, and cotton-wool spots, greyish white and soft."""
    fat = cv2.GaussianBlur(marks.exudate, (0, 0), 0.6)[..., None] * 0.85
    colour = colour * (1 - fat) + fat * (0.45 * colour + np.array([0.52, 0.48, 0.20], np.float32))
    wool = marks.cotton[..., None] * 0.6
    return np.asarray(colour * (1 - wool) + wool * np.array([0.84, 0.72, 0.50], np.float32), np.float32)


def _camera(rng: np.random.Generator, eye: Eye, colour: Field) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Apply the camera: fall-off to the rim, haze, the aperture's edge, a soft lens, a noisy sensor."""
    shape = (eye.size, eye.size)
    rows, cols = grid(shape)
    centre = (eye.size - 1) / 2
    away = np.hypot(rows - centre, cols - centre) / eye.field_radius
    lamp = np.hypot(rows - centre - rng.normal(0, 0.06) * eye.size, cols - centre - rng.normal(0, 0.06) * eye.size)
    light = 1.08 - 0.42 * (lamp / eye.field_radius) ** 2 + 0.035 * smooth(rng, shape, eye.size / 3)
    seen = colour * light[..., None]
    haze = (0.025 + 0.05 * np.exp(-(((away - 1.0) / 0.07) ** 2)))[..., None] * np.array([0.7, 0.75, 0.6], np.float32)
    aperture = step(np.asarray((away - 1) * eye.field_radius, np.float32), 4.0)
    cut = step(np.asarray(np.abs(rows - centre) - 0.455 * eye.size, np.float32), 3.0)
    seen = cv2.GaussianBlur((seen + haze).astype(np.float32), (0, 0), eye.size / 720 * 0.9)
    seen = seen * (aperture * cut)[..., None] + 0.012
    level = rng.standard_normal((*shape, 1), dtype=np.float32) * 0.009
    hue = rng.standard_normal((*shape, 3), dtype=np.float32) * 0.007
    noise = cv2.GaussianBlur(level + hue, (0, 0), 0.6) * 1.6 * np.sqrt(np.clip(seen, 0.01, 1))
    return np.asarray(np.clip(np.rint((seen + noise) * 255), 0, 255), np.uint8)
