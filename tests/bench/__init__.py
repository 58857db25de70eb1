"""How fast the service is, measured against what its parts can do at all: ``make bench``."""
