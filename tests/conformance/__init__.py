"""HL7's CQL tests against service/cql: ``python -m tests.conformance``."""
