"""The version of the package, which reports, runs and the command line name."""

__version__ = "1.0.0"
