"""What a reference names, however it is written: with an address before it, a version behind it, or by an id alone."""

from __future__ import annotations

_VERSION = "/_history/"
CLINICIANS = ("Practitioner/", "PractitionerRole/")


def unversioned(reference: str) -> str:
    """The reference without blanks around it and without a version."""
    return reference.strip().partition(_VERSION)[0]


def local(reference: str) -> str:
    """The last ``Type/id`` of a reference, or the id where nothing stands before it."""
    path = unversioned(reference).removeprefix("urn:uuid:").lstrip("/")
    return "/".join(path.split("/")[-2:])


def clinician(sent: object) -> str:
    """The reference in what was sent, if it names a clinician; empty for anything else."""
    named = sent.get("reference") if isinstance(sent, dict) else None
    if isinstance(named, str) and local(named).startswith(CLINICIANS):
        return unversioned(named)
    return ""


def base_of(address: str) -> str:
    """The server in an absolute address of a resource; empty in any other reference."""
    return unversioned(address).removesuffix(local(address)).rstrip("/") if "://" in address else ""
