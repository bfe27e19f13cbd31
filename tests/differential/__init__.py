"""The same ELM on the same patients by two engines: ``python -m tests.differential``."""
