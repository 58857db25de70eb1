"""A CDS Hooks service on REM sleep behaviour disorder, clonazepam safety and myoclonus."""

__version__ = "0.1.0"
