"""ELM (JSON, r1) to Python closures. ``link`` compiles libraries to a Program; the engine runs it."""

from .link import link
from .program import Define, Function, Parameter, Program, Unit

__all__ = ["Define", "Function", "Parameter", "Program", "Unit", "link"]
