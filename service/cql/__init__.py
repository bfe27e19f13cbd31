"""CQL at run time: ELM libraries compiled to Python functions, on raw FHIR R4 JSON.

engine = Engine(libraries, value_sets)
evaluation = engine.evaluation(ListRecord(resources), now)
evaluation.value("Library", "Define")
"""

from .engine import DefineInfo, Engine, Evaluation, LibraryInfo, RetrieveInfo
from .errors import (
    CqlError,
    EvaluationError,
    LimitExceeded,
    LoadError,
    MalformedLibrary,
    UnknownDefine,
    UnknownLibrary,
    UnknownNode,
    UnknownValueSet,
)
from .fhir_model import FhirElement
from .limits import Limits
from .record import ListRecord, Record, codings

__all__ = [
    "CqlError",
    "DefineInfo",
    "Engine",
    "Evaluation",
    "EvaluationError",
    "FhirElement",
    "LibraryInfo",
    "LimitExceeded",
    "Limits",
    "ListRecord",
    "LoadError",
    "MalformedLibrary",
    "Record",
    "RetrieveInfo",
    "UnknownDefine",
    "UnknownLibrary",
    "UnknownNode",
    "UnknownValueSet",
    "codings",
]
