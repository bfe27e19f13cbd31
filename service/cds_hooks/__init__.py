"""The EHR's side: CDS Hooks 2.0.1 discovery, calls and cards."""
