"""Whether the service stays as it is while it is used: ``make soak``."""
