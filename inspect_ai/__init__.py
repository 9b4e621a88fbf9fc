"""Visual inspection that people can trust: medical images and industrial surfaces. Research software, not a medical
device.
"""

__version__ = "0.1.0"
