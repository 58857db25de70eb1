"""``python -m cds_service``."""

from cds_service.cli.main import main

main()
