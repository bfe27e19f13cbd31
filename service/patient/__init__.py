"""The patient's data, read without trust: the record from prefetch, and the draft orders of the context."""

from service.patient.drafts import Drafts, read_drafts
from service.patient.errors import DataUnavailable, DraftsUnreadable, PatientDataError
from service.patient.record import LeftOut, Need, PatientRecord, read_record
from service.patient.references import bare_patient_id, is_id
from service.patient.shapes import compile_all
from service.patient.soundness import RepeatedKeys

__all__ = [
    "DataUnavailable",
    "Drafts",
    "DraftsUnreadable",
    "LeftOut",
    "Need",
    "PatientDataError",
    "PatientRecord",
    "RepeatedKeys",
    "bare_patient_id",
    "compile_all",
    "is_id",
    "read_drafts",
    "read_record",
]
