"""How fast the service is: ``python -m tests.bench``, or ``make bench``."""
