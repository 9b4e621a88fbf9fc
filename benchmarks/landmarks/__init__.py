"""Error of Hounsfield units that two landmarks give back, on chest CTs whose units are known."""

from benchmarks.landmarks.study import Errors, errors_hu

__all__ = ["Errors", "errors_hu"]
