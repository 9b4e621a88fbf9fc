"""Version of this program, which every decision names."""

__version__ = "0.1.0"
