"""Asking the EHR's FHIR server: what, where, how long."""
