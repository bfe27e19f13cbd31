"""The codes by which the patient language writes sarcoma: histology, site, stage, grade and depth."""

from __future__ import annotations

from tests.cases.codes import ICD10CM, ICDO3, LOINC, NCIT, RXNORM, SNOMED, Coding, coding, local

HISTOLOGIES: dict[str, tuple[Coding, ...]] = {
    "sarcoma": (
        coding(SNOMED, "424952003", "Sarcoma of soft tissue"),
        coding(ICDO3, "8800/3", "Sarcoma, NOS"),
        coding(SNOMED, "448139005", "Fibrosarcoma of connective tissue"),
        coding(SNOMED, "302847003", "Rhabdomyosarcoma"),
    ),
    "synovial sarcoma": (
        coding(SNOMED, "302851001", "Synovial sarcoma"),
        coding(SNOMED, "1268484002", "Primary synovial sarcoma"),
        coding(ICDO3, "9040/3", "Synovial sarcoma, NOS"),
        coding(NCIT, "C3400", "Synovial Sarcoma"),
    ),
    "liposarcoma": (
        coding(SNOMED, "254829001", "Liposarcoma"),
        coding(SNOMED, "404072004", "Dedifferentiated liposarcoma"),
        coding(SNOMED, "404069006", "Myxoid liposarcoma"),
        coding(ICDO3, "8850/3", "Liposarcoma, NOS"),
        coding(ICDO3, "8858/3", "Dedifferentiated liposarcoma"),
        coding(NCIT, "C3194", "Liposarcoma"),
    ),
    "leiomyosarcoma": (
        coding(SNOMED, "443719001", "Leiomyosarcoma"),
        coding(SNOMED, "447804006", "Leiomyosarcoma of connective tissue"),
        coding(ICDO3, "8890/3", "Leiomyosarcoma, NOS"),
        coding(NCIT, "C3158", "Leiomyosarcoma"),
    ),
    "dermatofibrosarcoma protuberans": (
        coding(SNOMED, "276799004", "Dermatofibrosarcoma protuberans"),
        coding(SNOMED, "404008001", "Dermatofibrosarcoma protuberans with myoid differentiation"),
        coding(ICDO3, "8832/3", "Dermatofibrosarcoma, NOS"),
        coding(NCIT, "C4683", "Dermatofibrosarcoma Protuberans"),
    ),
    "inflammatory myofibroblastic tumour": (
        coding(NCIT, "C6481", "Inflammatory Myofibroblastic Tumor"),
        coding(SNOMED, "1290860006", "Inflammatory myofibroblastic tumour"),
        coding(ICDO3, "8825/1", "Myofibroblastic tumor, NOS"),
    ),
}
"""Each the code of a Condition; a histology alone does not say where the tumour is."""

SITES: dict[str, tuple[Coding, ...]] = {
    "thigh": (coding(SNOMED, "68367000", "Thigh"), coding(ICDO3, "C49.2", "Lower limb")),
    "calf": (coding(SNOMED, "53840002", "Calf of leg"),),
    "lower limb": (coding(SNOMED, "61685007", "Lower limb structure"), coding(ICDO3, "C49.2", "Lower limb")),
    "forearm": (coding(SNOMED, "14975008", "Forearm"), coding(ICDO3, "C49.1", "Upper limb")),
    "upper arm": (coding(SNOMED, "40983000", "Upper arm"),),
    "shoulder": (coding(SNOMED, "16982005", "Shoulder"),),
    "buttock": (coding(SNOMED, "46862004", "Gluteal region"),),
    "axilla": (coding(SNOMED, "91470000", "Axilla"),),
    "retroperitoneum": (
        coding(SNOMED, "82849001", "Retroperitoneal compartment structure"),
        coding(ICDO3, "C48.0", "Retroperitoneum"),
    ),
    "mesentery": (coding(SNOMED, "89679009", "Mesentery"), coding(ICDO3, "C48.1", "Peritoneum, specified")),
    "abdomen": (coding(SNOMED, "818981001", "Abdomen"),),
    "pelvis": (coding(SNOMED, "816092008", "Pelvis"),),
    "chest wall": (coding(SNOMED, "78904004", "Chest wall structure"),),  # C49.3 would hold the axilla too
    "mediastinum": (coding(SNOMED, "72410000", "Mediastinal structure"),),
    "back": (coding(SNOMED, "77568009", "Back"),),
}

NAMED_AT_SITE: dict[str, tuple[Coding, ...]] = {
    "sarcoma of the thigh": (
        coding(SNOMED, "1263476003", "Malignant neoplasm of soft tissue of lower limb"),
        coding(ICD10CM, "C49.21", "Malignant neoplasm of connective and soft tissue of right lower limb"),
    ),
    "synovial sarcoma of the thigh": (coding(SNOMED, "721579004", "Primary synovial sarcoma of limb"),),
    "liposarcoma of the thigh": (coding(SNOMED, "721577002", "Primary liposarcoma of soft tissue of limb"),),
    "sarcoma of the retroperitoneum": (
        coding(SNOMED, "307219002", "Retroperitoneal sarcoma"),
        coding(ICD10CM, "C48.0", "Malignant neoplasm of retroperitoneum"),
        coding(NCIT, "C4832", "Retroperitoneal Sarcoma"),
    ),
    "liposarcoma of the retroperitoneum": (
        coding(SNOMED, "143411000119109", "Liposarcoma of retroperitoneum"),
        coding(SNOMED, "722515001", "Primary liposarcoma of retroperitoneum"),
    ),
    "leiomyosarcoma of the retroperitoneum": (
        coding(SNOMED, "722513008", "Primary leiomyosarcoma of retroperitoneum"),
        coding(NCIT, "C27904", "Retroperitoneal Leiomyosarcoma"),
    ),
}
"""Codes that name disease and site at once."""

STAGE_OBSERVATIONS: dict[str, tuple[Coding, ...]] = {
    "": (
        coding(SNOMED, "399390009", "TNM stage grouping"),
        coding(LOINC, "21914-7", "Stage group.other Cancer"),
    ),
    "clinical ": (
        coding(SNOMED, "399537006", "Clinical TNM stage grouping"),
        coding(LOINC, "21908-9", "Stage group.clinical Cancer"),
    ),
    "pathological ": (
        coding(SNOMED, "399588009", "Pathologic TNM stage grouping"),
        coding(LOINC, "21902-2", "Stage group.pathology Cancer"),
    ),
}

_AJCC_STAGES = {
    "I": "1222723001",
    "IA": "1222724007",
    "IB": "1222728005",
    "II": "1222765007",
    "IIA": "1222766008",
    "IIB": "1222769001",
    "III": "1222801008",
    "IIIA": "1222802001",
    "IIIB": "1222805004",
    "IIIC": "1222806003",
    "IV": "1222837003",
    "IVA": "1222838008",
    "IVB": "1222841004",
}
_GENERIC_STAGES = {
    "I": "258215001",
    "IA": "261634002",
    "IB": "261635001",
    "II": "258219007",
    "IIA": "261614003",
    "IIB": "261615002",
    "III": "258224005",
    "IIIA": "261638004",
    "IIIB": "261639007",
    "IV": "258228008",
    "IVA": "261642001",
    "IVB": "261643006",
}

LOCAL_STAGING = "urn:ehr:staging"


def stage_values(stage: str) -> dict[str, Coding]:
    """The values that say this stage: AJCC and generic SNOMED CT concepts, and the EHR's own text code."""
    found = {
        "AJCC": coding(SNOMED, _AJCC_STAGES[stage], f"American Joint Committee on Cancer stage {stage}"),
        "text code": coding(LOCAL_STAGING, stage, f"Stage {stage}"),
    }
    if stage in _GENERIC_STAGES:
        found["generic code"] = coding(SNOMED, _GENERIC_STAGES[stage], f"Stage {stage}")
    return found


STAGES = tuple(_AJCC_STAGES)

CATEGORIES: dict[str, dict[str, tuple[Coding, ...]]] = {
    "N": {
        "": (coding(SNOMED, "277206009", "N category"), coding(LOINC, "21912-1", "Lymph nodes.other")),
        "c": (coding(SNOMED, "399534004", "cN category"), coding(LOINC, "21906-3", "Lymph nodes.clinical")),
        "p": (coding(SNOMED, "371494008", "pN category"), coding(LOINC, "21900-6", "Lymph nodes.pathology")),
    },
    "M": {
        "": (coding(SNOMED, "277208005", "M category"), coding(LOINC, "21913-9", "Metastases.other")),
        "c": (coding(SNOMED, "399387003", "cM category"), coding(LOINC, "21907-1", "Metastases.clinical")),
        "p": (coding(SNOMED, "371497001", "pM category"), coding(LOINC, "21901-4", "Metastases.pathology")),
    },
}
"""Category and prefix to the codes of the Observation."""

CATEGORY_VALUES: dict[str, Coding] = {
    name: coding(SNOMED, code, f"American Joint Committee on Cancer {name}")
    for name, code in {
        "cNX": "1229966003",
        "cN0": "1229967007",
        "cN1": "1229973008",
        "pNX": "1229945006",
        "pN0": "1229947003",
        "pN1": "1229951001",
        "cM0": "1229901006",
        "cM1": "1229903009",
        "pM1": "1229916009",
    }.items()
}

GRADE_OBSERVATIONS = (
    coding(LOINC, "33732-9", "Histology grade [Identifier] in Cancer specimen"),
    coding(NCIT, "C18000", "Histologic Grade"),
    coding(SNOMED, "371469007", "histologic grade"),
)
GRADES: dict[str, tuple[Coding, ...]] = {
    "G1": (
        coding(SNOMED, "1228848004", "American Joint Committee on Cancer grade G1"),
        coding(SNOMED, "373375007", "Well differentiated histological grade finding"),
    ),
    "G2": (
        coding(SNOMED, "1228850007", "American Joint Committee on Cancer grade G2"),
        coding(SNOMED, "373377004", "Moderately differentiated histological grade finding"),
    ),
    "G3": (
        coding(SNOMED, "1228851006", "American Joint Committee on Cancer grade G3"),
        coding(SNOMED, "373373000", "Poorly differentiated histological grade finding"),
    ),
    "GX": (coding(SNOMED, "1228845001", "American Joint Committee on Cancer grade GX"),),
    "low": (
        coding(SNOMED, "1155708003", "Low histologic grade"),
        coding(SNOMED, "1228853009", "American Joint Committee on Cancer grade LG"),
    ),
    "intermediate": (coding(SNOMED, "1286893008", "Intermediate histologic grade"),),
    "high": (
        coding(SNOMED, "1155707008", "High histologic grade"),
        coding(SNOMED, "1228854003", "American Joint Committee on Cancer grade HG"),
    ),
}

DEPTH_OBSERVATION = local("tumour-depth")
DEPTHS: dict[str, tuple[Coding, ...]] = {
    "deep": (coding(SNOMED, "795002", "Deep"), coding(NCIT, "C25240", "Deep")),
    "superficial": (coding(SNOMED, "26283006", "Superficial"), coding(NCIT, "C25239", "Superficial")),
}

PERFORMANCE_STATUS = coding(LOINC, "89247-1", "ECOG Performance Status score")

PACK = coding(RXNORM, "900173", "{2 (60 ML ifosfamide 50 MG/ML Injection) / 6 (mesna 100 MG/ML) } Pack")
COMBINATION = coding(RXNORM, "352384", "Ifosfamide / mesna")
