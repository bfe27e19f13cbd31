"""The server's side: the guideline as a FHIR R4 server offers it, and `$apply` beside the hooks."""
