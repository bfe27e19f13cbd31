"""Loads and checks a guideline (a folder of FHIR resources with CQL), and applies it to a patient."""

from service.guideline.errors import ContentError, GuidelineError, Problem, UnknownPlanError
from service.guideline.guideline import Guideline
from service.guideline.model import (
    Applied,
    AppliedAction,
    Considered,
    DataNeed,
    Fact,
    HookPlan,
    TraceEntry,
)

__all__ = [
    "Applied",
    "AppliedAction",
    "Considered",
    "ContentError",
    "DataNeed",
    "Fact",
    "Guideline",
    "GuidelineError",
    "HookPlan",
    "Problem",
    "TraceEntry",
    "UnknownPlanError",
]
