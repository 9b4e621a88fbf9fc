"""Visual inspection that people can trust: medical images and industrial surfaces.

Research software, not a medical device.
"""

import os

__version__ = "0.1.0"

# Nothing leaves the machine, and nothing is left beside a person's own files. Set here, because these libraries act
# when they are imported: ONNX Runtime writes a device identifier to the home folder and reports the process. Its own
# opt-out still does so up to 1.32 (microsoft/onnxruntime pull request 29843); its switch for tests silences it.
os.environ["ORT_TELEMETRY_DISABLED"] = "1"
os.environ["ORT_RUNNING_UNIT_TESTS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network for a newer version
