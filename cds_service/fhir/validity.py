"""Whether a resource of our own is valid FHIR R4; what clients send is never held to this."""

from __future__ import annotations

from typing import Any


def faults_in(resource: dict[str, Any]) -> list[str]:
    """What is wrong with a resource, each with the member's path; the models take a second to load."""
    from fhir.resources.R4B import get_fhir_model_class  # noqa: TID251
    from pydantic import ValidationError

    try:
        get_fhir_model_class(str(resource.get("resourceType"))).model_validate(resource)
    except ValidationError as found:
        return [f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in found.errors()]
    except ValueError:
        return ["resourceType: not a FHIR resource type"]
    return []
