"""A figure of matplotlib (the extra `bench`) that needs no screen: the one place that loads it."""

from __future__ import annotations

from typing import Any

from inspect_ai.errors import SetupError

SAVED = {"Software": "inspect-ai-vision"}  # in the PNG, in place of matplotlib's version


def need_matplotlib() -> None:
    """Raises SetupError without it: better before the work than after it."""
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError as e:
        raise SetupError(
            "The picture needs matplotlib, which is not installed: pip install -e '.[bench]'. Tables do without it."
        ) from e


def new_figure(**values: Any) -> Any:
    """A matplotlib Figure with a canvas. Raises SetupError without matplotlib."""
    need_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(**values)
    FigureCanvasAgg(figure)
    return figure


def styled(font_size: int) -> Any:
    """A context in which axes have no frame at top and right. Raises SetupError without matplotlib."""
    need_matplotlib()
    import matplotlib as mpl

    return mpl.rc_context({"font.size": font_size, "axes.spines.top": False, "axes.spines.right": False})
