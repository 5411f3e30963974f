"""The version of the package, which reports, runs and the command line name."""

__version__ = "0.1.0"
