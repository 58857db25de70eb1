"""The command for clinical sign-off. What a command needs is imported when it runs."""

from __future__ import annotations

import datetime as dt

import click

from cds_service.cli.start import assembled, fail, short
from cds_service.settings import Settings


@click.group()
def review() -> None:
    """Sign cards after reading them, and see which are signed."""


@review.command("list")
def list_() -> None:
    """One line for each rule: its status, who signed it and when, and when it is due again.

    Exit codes: 0 told; 1 the cards have faults.
    """
    from cds_service.content.reviews import signature, state

    content = assembled(Settings.in_force()).content
    for name, rule in content.rules.items():
        held = signature(content, name)
        by = f"{held.by}, {held.role}, {held.on}" if held else state(content, name)
        click.echo(f"{name:30} {rule.status:8} due {rule.review.next_review}  {by}")


@review.command()
def status() -> None:
    """How many rules are signed, whose signature has lapsed, and what is due.

    Exit codes: 0 nothing has lapsed or is due; 1 something has or is, or the cards have faults.
    """
    from cds_service.content.reviews import told

    settings = Settings.in_force()
    counted, *open_ = told(assembled(settings).content, settings.today())
    click.echo(counted)
    if open_:
        fail("\n".join(open_))


@review.command()
@click.argument("rules", nargs=-1, required=True, metavar="RULE...")
@click.option("--by", required=True, metavar="NAME", help="Who has read the card.")
@click.option("--role", required=True, metavar="ROLE", help="In what capacity, such as neurologist.")
@click.option("--note", metavar="TEXT", help="What the signature is subject to.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The day of signing, before today.")
def sign(rules: tuple[str, ...], by: str, role: str, note: str | None, day: dt.datetime | None) -> None:
    """Sign rules as they stand: the signature is written beside the cards, with the digest that it holds for.

    Exit codes: 0 signed; 1 there is no such rule, the file cannot be written, or the cards have faults.
    """
    from cds_service.content.model import Signature
    from cds_service.content.reviews import FILE, written

    settings = Settings.in_force()
    content = assembled(settings).content
    if missing := [name for name in rules if name not in content.rules]:
        fail(f"There is no rule {', '.join(missing)}; cds-service review list names them.")
    if not by.strip() or not role.strip():
        fail("A signature needs a name and a role.")
    on = day.date() if day else settings.today()
    signatures = {
        name: Signature(by=by.strip(), role=role.strip(), on=on, digest=content.said[name], note=note)
        for name in dict.fromkeys(rules)
    }
    file = content.files.folder / FILE
    try:
        with file.open("a", encoding="utf-8") as reviews:
            reviews.writelines(written(name, one) for name, one in signatures.items())
    except OSError as refusal:
        fail(f"{short(file)} cannot be written: {refusal.strerror}.")
    for name, one in signatures.items():
        click.echo(f"{name} is signed by {one.by} ({one.role}) as it stands, digest {one.digest}.")


def register(group: click.Group) -> None:
    group.add_command(review)
