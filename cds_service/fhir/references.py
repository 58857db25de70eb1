"""What a reference names, however it is written: with an address before it, a version behind it, or by an id alone."""

from __future__ import annotations

_VERSION = "/_history/"


def unversioned(reference: str) -> str:
    """The reference without blanks around it and without a version."""
    return reference.strip().partition(_VERSION)[0]


def local(reference: str) -> str:
    """The last ``Type/id`` of a reference, or the id where nothing stands before it."""
    path = unversioned(reference).removeprefix("urn:uuid:").lstrip("/")
    return "/".join(path.split("/")[-2:])


def base_of(address: str) -> str:
    """The server in an absolute address of a resource; empty in any other reference."""
    return unversioned(address).removesuffix(local(address)).rstrip("/") if "://" in address else ""
