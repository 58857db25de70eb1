"""The command that checks audit files."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def audit() -> None:
    """What to do with audit files."""


@audit.command("verify")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify_files(folder: Path) -> None:
    """Check that no line of the audit files in FOLDER was changed, added or taken out.

    Exit codes: 0 every chain holds; 1 a chain is broken, and the line is named, or there is no file.
    """
    from cds_service.record.audit import verify

    paths = sorted(folder.glob("audit-*.jsonl"))
    broken = not paths
    if broken:
        click.echo(f"{folder}: no audit file is here")
    for path in paths:
        found = verify(path)
        if found.broken_at is not None:
            broken = True
            click.echo(f"{path.name}: broken at line {found.broken_at}")
        else:
            end = "closed" if found.closed else "still open, or ended without a close: lines may be missing at its end"
            click.echo(f"{path.name}: {found.lines} lines hold; {end}")
    if broken:
        sys.exit(1)


def register(commands: click.Group) -> None:
    commands.add_command(audit)
