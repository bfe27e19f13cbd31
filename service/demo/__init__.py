"""Made-up patients on a FHIR server of their own, for people who try the service. Never in production."""
