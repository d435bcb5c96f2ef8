"""The version of this package, which is that of the C library it speaks to."""

__version__ = "0.1.0"
