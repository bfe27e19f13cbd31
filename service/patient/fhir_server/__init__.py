"""Data that a request lacks, read from the EHR's FHIR server, which the request names: with distrust."""

from service.patient.fhir_server.network import Policy
from service.patient.fhir_server.reader import FhirReader, Limits, Query, Reading, Server, next_link

__all__ = ["FhirReader", "Limits", "Policy", "Query", "Reading", "Server", "next_link"]
