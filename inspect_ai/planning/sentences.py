"""Sentences on what was measured, for the head of a plan."""

from __future__ import annotations

from inspect_ai.planning.fingerprint import Fingerprint, Spread


def measured(data: Fingerprint) -> tuple[str, ...]:
    """Say what a folder is like: its pictures, splits, sides, objects, copies, light and detail."""
    said = [
        f"{', '.join(data.data)}: {sum(c.pictures for c in data.counts):,} pictures, {_range(data.width_px)} x "
        f"{_range(data.height_px)} px, {'grey' if data.grey else 'coloured'}, {data.depth_bits} bits; pixels were "
        f"measured on {data.measured} of train",
        _splits(data),
    ]
    if data.copies:
        said.append(f"{data.copies:,} pictures are copies of others and count as one unit with them")
    if data.objects is not None:
        o = data.objects
        said.append(
            f"{o.count:,} objects are marked by {o.marked_by}: {o.small_px:g}, {o.median_px:g} and {o.large_px:g} px "
            f"wide (5th, 50th and 95th percentile), {o.share:.2%} of the picture in the median"
        )
    detail = (
        f"pictures may shrink by a factor of {data.shrink:g} before more than noise is lost"
        if data.shrink > 1
        else "pictures lose more than noise when they shrink at all"
    )
    said.append(
        f"noise {data.noise:.1f} grey levels of 255; {detail}; brightness varies by {data.brightness:.0%}, contrast by "
        f"{data.contrast:.0%}"
    )
    return tuple(said)


def _splits(data: Fingerprint) -> str:
    names = [name for name in ("train", "val", "calibration", "test") if data.pictures(name)]
    if not data.decides:
        shares = ", ".join(f"{name} {data.pictures(name):,}" for name in names)
        return f"a catalogue of {len({c.label for c in data.counts})} classes, all of them positive ({shares} pictures)"
    parts = [
        f"{name} {data.pictures(name, positive=True):,} positive pictures of {data.units(name, positive=True):,} "
        f"independent units and {data.pictures(name, positive=False):,} negative ones of "
        f"{data.units(name, positive=False):,}"
        for name in names
    ]
    made = "" if data.given_splits else "; the program made the splits, by names of groups alone"
    return "; ".join(parts) + made


def _range(spread: Spread) -> str:
    if spread.least == spread.most:
        return f"{spread.median:.0f}"
    return f"{spread.least:.0f} to {spread.most:.0f}"
