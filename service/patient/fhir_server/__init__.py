"""Data that a request lacks, read from the EHR's FHIR server, which the request names: with distrust."""
