"""FHIR PlanDefinitions as a CDS Hooks service."""
