"""The trusted EHR of these tests and the service that trusts it."""

from tests.trust.ehr import clients_file, guarded

__all__ = ["clients_file", "guarded"]
