"""CQL at run time: ELM libraries compiled to Python closures, on raw FHIR R4 JSON."""
