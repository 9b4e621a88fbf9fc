"""Decides one picture that is held in memory, and logs the decision: python examples/decide_one_array.py [PICTURE]

Without a file it makes a plate with a scratch. No camera took that picture, so the quality gate should leave it to a
person, however sure the network is.
"""

import sys

import numpy as np
from numpy.typing import NDArray

import inspect_ai


def plate_with_scratch() -> NDArray[np.uint8]:
    """[H, W] grey picture: grain, slow shading and a dark scratch."""
    random = np.random.default_rng(0)
    shading = 120 + 10 * np.sin(np.linspace(0, 3, 256))
    plate = shading + random.normal(0, 4, (256, 256))
    plate[100:160, 120:128] -= 60
    return plate.clip(0, 255).astype(np.uint8)


def main(source: str | NDArray[np.uint8]) -> None:
    """Print score, outcome and reason; the decision is in example.db before it is printed."""
    inspector = inspect_ai.load("metal_surface")
    prediction = inspector.predict(source)
    print(f"score {prediction.score:.4f}, {len(prediction.findings)} finding(s)")
    with inspect_ai.open_log("example.db") as log:
        decision = inspector.decide(source, log=log)
        print(f"{decision.verdict.outcome}: {decision.verdict.reason}")
        print(f"{log.head().rows} entries in the log")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else plate_with_scratch())
