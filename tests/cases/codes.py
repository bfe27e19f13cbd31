"""The codes by which the patient language writes diseases, findings, drugs and procedures.

Every table gives several codings of the same thing where a record may hold any of them; the first is the
one that a line stands for when it names no coding system.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Coding = dict[str, str]
Concept = dict[str, Any]

BASE = "https://sarcoma-cds.example.org/fhir"
CONCEPTS = f"{BASE}/CodeSystem/sarcoma-concepts"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
HGNC = "http://www.genenames.org"
SEQUENCE_ONTOLOGY = "http://www.sequenceontology.org"
UCUM = "http://unitsofmeasure.org"
HGVS = "http://varnomen.hgvs.org"
HISTOLOGY_EXTENSION = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"

SYSTEMS = {
    "SNOMED CT": SNOMED,
    "LOINC": LOINC,
    "RxNorm": RXNORM,
    "ATC": ATC,
    "ICD-10-CM": ICD10CM,
    "ICD-10": ICD10,
    "ICD-O-3": ICDO3,
    "NCIt": NCIT,
}


def coding(system: str, code: str, display: str = "") -> Coding:
    """One Coding; no display when none is given."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Coding, text: str = "") -> Concept:
    """A CodeableConcept of these codings, in this order."""
    return {"coding": list(codings)} | ({"text": text} if text else {})


def local(code: str) -> Coding:
    """A code of the project's own code system of patient facts."""
    return coding(CONCEPTS, code, code.replace("-", " "))


@dataclass(frozen=True)
class Disease:
    """One way in which a record names a disease: code, and where it needs them, body site and histology."""

    code: Coding
    body_site: Coding | None = None
    histology: Coding | None = None


_STOMACH = coding(SNOMED, "69695003", "Stomach structure")

DISEASES: dict[str, tuple[Disease, ...]] = {
    "GIST": (
        Disease(coding(SNOMED, "420120006", "Gastrointestinal stromal tumor")),
        Disease(coding(ICD10CM, "C49.A0", "Gastrointestinal stromal tumor, unspecified site")),
        Disease(coding(NCIT, "C3868", "Gastrointestinal Stromal Tumor")),
        Disease(coding(ICDO3, "8936/3", "Gastrointestinal stromal sarcoma")),
        Disease(coding(ICDO3, "8936/1", "Gastrointestinal stromal tumor, NOS")),
        Disease(coding(SNOMED, "1187383001", "Gastrointestinal stromal tumour")),
    ),
    "GIST of stomach": (
        Disease(coding(SNOMED, "445736006", "Gastrointestinal stromal tumor of stomach")),
        Disease(coding(ICD10CM, "C49.A2", "Gastrointestinal stromal tumor of stomach")),
        Disease(coding(NCIT, "C5806", "Gastric Gastrointestinal Stromal Tumor")),
        Disease(coding(SNOMED, "420120006", "Gastrointestinal stromal tumor"), body_site=_STOMACH),
        Disease(coding(ICDO3, "8936/3"), body_site=coding(ICDO3, "C16.9", "Stomach, NOS")),
        Disease(coding(ICD10, "C16.9"), histology=coding(ICDO3, "8936/3")),
    ),
    "GIST of oesophagus": (
        Disease(coding(SNOMED, "446124001", "Gastrointestinal stromal tumor of esophagus")),
        Disease(coding(ICD10CM, "C49.A1", "Gastrointestinal stromal tumor of esophagus")),
    ),
    "GIST of small intestine": (
        Disease(coding(ICD10CM, "C49.A3", "Gastrointestinal stromal tumor of small intestine")),
        Disease(coding(NCIT, "C5811", "Small Intestinal Gastrointestinal Stromal Tumor")),
        Disease(coding(ICDO3, "8936/3"), body_site=coding(ICDO3, "C17.1", "Jejunum")),
        Disease(coding(ICD10, "C17.9"), histology=coding(ICDO3, "8936/3")),
    ),
    "GIST of colon": (
        Disease(coding(SNOMED, "1153387007", "Gastrointestinal stromal neoplasm of colon")),
        Disease(coding(ICD10CM, "C49.A4", "Gastrointestinal stromal tumor of large intestine")),
    ),
    "GIST of rectum": (
        Disease(coding(SNOMED, "1153405002", "Gastrointestinal stromal neoplasm of rectum")),
        Disease(coding(ICD10CM, "C49.A5", "Gastrointestinal stromal tumor of rectum")),
    ),
    "lung cancer": (Disease(coding(ICD10CM, "C34.11", "Malignant neoplasm of upper lobe, right bronchus")),),
    "chronic myeloid leukaemia": (Disease(coding(ICD10CM, "C92.10", "Chronic myeloid leukemia")),),
    "stomach cancer": (Disease(coding(ICD10, "C16.9", "Malignant neoplasm: Stomach, unspecified")),),
    "reflux disease": (Disease(coding(SNOMED, "235595009", "Gastroesophageal reflux disease")),),
}

FINDINGS: dict[str, tuple[Coding, ...]] = {
    "metastasis: liver": (
        coding(SNOMED, "94381002", "Metastatic malignant neoplasm to liver"),
        coding(ICD10CM, "C78.7", "Secondary malignant neoplasm of liver and intrahepatic bile duct"),
        coding(ICD10, "C78.7", "Secondary malignant neoplasm of liver"),
    ),
    "metastasis: lung": (
        coding(SNOMED, "94391008", "Metastatic malignant neoplasm to lung"),
        coding(ICD10CM, "C78.01", "Secondary malignant neoplasm of right lung"),
        coding(ICD10, "C78.0", "Secondary malignant neoplasm of lung"),
    ),
    "metastasis: peritoneum": (
        coding(SNOMED, "94627008", "Metastatic malignant neoplasm to peritoneum"),
        coding(ICD10CM, "C78.6", "Secondary malignant neoplasm of retroperitoneum and peritoneum"),
    ),
    "widespread metastatic disease": (
        coding(SNOMED, "405843009", "Widespread metastatic malignant neoplastic disease"),
    ),
    "metastasis: bone": (
        coding(SNOMED, "94222008", "Secondary malignant neoplasm of bone"),
        coding(ICD10CM, "C79.51", "Secondary malignant neoplasm of bone"),
    ),
    "metastasis: lymph node": (
        coding(SNOMED, "94392001", "Metastatic malignant neoplasm to lymph node"),
        coding(ICD10CM, "C77.4", "Secondary malignant neoplasm of inguinal and lower limb lymph nodes"),
        coding(ICD10, "C77.3", "Secondary malignant neoplasm: axillary and upper limb lymph nodes"),
    ),
    "local recurrence": (
        coding(SNOMED, "314974009", "Local recurrence of malignant tumor of soft tissue"),
        coding(SNOMED, "277782009", "Local recurrence of malignant neoplasm of peritoneum"),
    ),
    "recurrent malignancy": (
        coding(SNOMED, "1259237005", "Recurrent malignant neoplasm"),
        coding(SNOMED, "25173007", "Recurrence of tumor"),
    ),
    "heart failure": (
        coding(SNOMED, "84114007", "Heart failure"),
        coding(ICD10CM, "I50.9", "Heart failure, unspecified"),
        coding(SNOMED, "42343007", "Congestive heart failure"),
        coding(ICD10CM, "I50.22", "Chronic systolic (congestive) heart failure"),
    ),
    "terminal illness": (coding(SNOMED, "300936002", "Terminal illness"),),
    "disseminated intravascular coagulation": (
        coding(SNOMED, "67406007", "Disseminated intravascular coagulation"),
        coding(ICD10CM, "D65", "Disseminated intravascular coagulation"),
    ),
    "coagulation disorder": (
        coding(SNOMED, "64779008", "Blood coagulation disorder"),
        coding(ICD10CM, "D68.9", "Coagulation defect, unspecified"),
    ),
    "thrombophilia": (coding(ICD10CM, "D68.51", "Activated protein C resistance"),),
    "sepsis": (
        coding(SNOMED, "91302008", "Sepsis"),
        coding(ICD10CM, "A41.9", "Sepsis, unspecified organism"),
    ),
    "hepatic failure": (
        coding(SNOMED, "59927004", "Hepatic failure"),
        coding(ICD10CM, "K72.90", "Hepatic failure, unspecified without coma"),
    ),
    "decompensated cirrhosis": (coding(SNOMED, "716203000", "Decompensated cirrhosis of liver"),),
    "compensated cirrhosis": (coding(SNOMED, "19943007", "Cirrhosis of liver"),),
    "neurofibromatosis type 1": (
        coding(SNOMED, "92824003", "Neurofibromatosis type 1"),
        coding(ICD10CM, "Q85.01", "Neurofibromatosis, type 1"),
    ),
    "Carney-Stratakis syndrome": (
        coding(SNOMED, "722377004", "Paraganglioma and gastric stromal sarcoma syndrome"),
    ),
    "local recurrence of tumour": (coding(SNOMED, "25173007", "Recurrence of tumor"),),
    "tumour surgically unresectable": (coding(SNOMED, "711361003", "Tumor surgically unresectable"),),
    "tumour progression": (coding(SNOMED, "419835002", "Tumor progression"),),
}

GENES = {
    "KIT": "6342",
    "PDGFRA": "8803",
    "BRAF": "1097",
    "NF1": "7765",
    "SDHA": "10680",
    "SDHB": "10681",
    "SDHC": "10682",
    "SDHD": "10683",
    "NTRK1": "8031",
    "NTRK2": "8032",
    "NTRK3": "8033",
}

GENOTYPES = {
    "KIT exon 9": "kit-exon-9",
    "KIT exon 11": "kit-exon-11",
    "other KIT": "kit-other",
    "PDGFRA exon 18 insensitive to imatinib": "pdgfra-exon-18-imatinib-insensitive",
    "other PDGFRA": "pdgfra-other",
    "SDH-deficient": "sdh-deficient",
    "NTRK fusion": "ntrk-fusion",
    "BRAF V600E": "braf-v600e",
    "NF1": "nf1",
    "wild type": "wild-type",
}

SINGLE_TESTS: dict[str, tuple[Coding, ...]] = {
    "PDGFRA D842V": (coding(LOINC, "77170-9", "PDGFRA gene p.Asp842Val"),),
    "PDGFRA exon 18": (coding(LOINC, "71357-8", "PDGFRA gene exon 18 targeted mutation analysis"),),
    "KIT exon 9": (coding(LOINC, "77172-5", "KIT gene exon 9 targeted mutation analysis"),),
    "KIT exon 11": (coding(LOINC, "77171-7", "KIT gene exon 11 targeted mutation analysis"),),
    "BRAF V600E": (
        coding(LOINC, "58415-1", "BRAF gene p.Val600Glu in Tissue"),
        coding(LOINC, "85299-6", "BRAF V600E mutant protein"),
    ),
    "NTRK fusion": (coding(LOINC, "93813-4", "NTRK1, NTRK2 and NTRK3 gene rearrangements in Tissue"),),
}

TEST_RESULTS: dict[str, tuple[Coding, ...]] = {
    "present": (
        coding(LOINC, "LA9633-4", "Present"),
        coding(SNOMED, "10828004", "Positive"),
        coding(SNOMED, "260373001", "Detected"),
        coding(SNOMED, "52101004", "Present"),
    ),
    "absent": (
        coding(LOINC, "LA9634-2", "Absent"),
        coding(SNOMED, "260385009", "Negative"),
        coding(SNOMED, "260415000", "Not detected"),
        coding(SNOMED, "2667000", "Absent"),
    ),
}

CODED_FACTS: dict[str, tuple[tuple[Coding, ...], dict[str, tuple[Coding, ...]]]] = {
    "resectability": (
        (local("resectability"),),
        {
            "resectable": (local("resectable"),),
            "resectable with significant morbidity": (local("resectable-significant-morbidity"),),
            "resectable with unacceptable function": (local("resectable-unacceptable-function"),),
            "unresectable": (
                local("unresectable"),
                coding(SNOMED, "711361003", "Tumor surgically unresectable"),
            ),
        },
    ),
    "metastatic extent": (
        (local("metastatic-extent"),),
        {
            "none": (local("none"),),
            "regional nodes": (local("regional-nodes"),),
            "limited": (local("limited"),),
            "disseminated": (local("disseminated"),),
        },
    ),
    "distant metastasis category": (
        (coding(SNOMED, "399387003", "cM category"), coding(LOINC, "21907-1", "Distant metastases.clinical")),
        {
            "M0": (coding(SNOMED, "1229901006", "American Joint Committee on Cancer cM0"),),
            "M1": (coding(SNOMED, "1229903009", "American Joint Committee on Cancer cM1"),),
        },
    ),
    "recurrence": (
        (local("recurrence"),),
        {
            "none": (local("none"),),
            "local": (local("local"),),
            "regional": (local("regional"),),
            "metastatic": (local("metastatic"),),
        },
    ),
    "disease status": (
        (coding(LOINC, "97509-4", "Cancer Disease Progression"),),
        {
            "progressive": (coding(SNOMED, "271299001", "Patient's condition worsened"),),
            "stable": (coding(SNOMED, "359746009", "Patient's condition stable"),),
            "improved": (coding(SNOMED, "268910001", "Patient's condition improved"),),
        },
    ),
    "progression extent": (
        (local("progression-extent"),),
        {"limited": (local("limited"),), "widespread": (local("widespread"),)},
    ),
    "SDHB immunohistochemistry": (
        (local("sdhb-ihc"),),
        {"lost": (local("lost"),), "retained": (local("retained"),)},
    ),
    "recurrence risk": (
        (local("gist-risk-category"),),
        {
            "very low": (coding(SNOMED, "260362008", "Very low"),),
            "low": (coding(SNOMED, "723505004", "Low risk"),),
            "intermediate": (coding(NCIT, "C102402", "Intermediate Risk"),),
            "high": (coding(SNOMED, "723509005", "High risk"),),
        },
    ),
    "resection result": (
        (
            coding(LOINC, "84892-9", "Residual tumor classification"),
            coding(SNOMED, "445200009", "Status of residual neoplasm"),
        ),
        {
            "R0": (coding(SNOMED, "1222638005", "R0"), coding(NCIT, "C139578", "R0")),
            "R1": (coding(SNOMED, "1222639002", "R1"), coding(NCIT, "C139579", "R1")),
            "R2": (coding(SNOMED, "1222640000", "R2"), coding(NCIT, "C139580", "R2")),
        },
    ),
    "imatinib dose level": (
        (local("imatinib-dose-level"),),
        {"standard": (local("standard"),), "high": (local("high"),)},
    ),
}

YES_NO_FACTS = {
    "tumour rupture": "tumour-rupture",
    "uncorrectable coagulopathy": "uncorrectable-coagulopathy",
    "infection in the treatment area": "infection-in-treatment-area",
    "critical structures that cannot be protected": "critical-structures-unprotectable",
    "short life expectancy": "short-life-expectancy",
    "asymptomatic": "asymptomatic",
    "high local recurrence risk": "high-local-recurrence-risk",
    "high metastatic risk": "high-metastatic-risk",
}


@dataclass(frozen=True)
class Drug:
    """The codes of one drug: RxNorm ingredient, ATC, SNOMED CT substance, brand, products by their name."""

    ingredient: Coding
    atc: Coding | None
    snomed: Coding | None
    brand: Coding | None
    products: tuple[Coding, ...]

    @property
    def codings(self) -> tuple[Coding, ...]:
        """Every coding a record may use for this drug, the first product (or the ingredient) first."""
        others = (self.ingredient, self.atc, self.snomed, self.brand)
        return self.products + tuple(one for one in others if one is not None)


def _drug(
    name: str,
    ingredient: str,
    atc: str,
    snomed: str,
    brand: tuple[str, str] | None,
    *products: tuple[str, str],
) -> Drug:
    return Drug(
        ingredient=coding(RXNORM, ingredient, name),
        atc=coding(ATC, atc, name) if atc else None,
        snomed=coding(SNOMED, snomed, f"{name} (substance)") if snomed else None,
        brand=coding(RXNORM, brand[0], brand[1]) if brand else None,
        products=tuple(coding(RXNORM, code, display) for code, display in products),
    )


DRUGS: dict[str, Drug] = {
    "imatinib": _drug(
        "imatinib",
        "282388",
        "L01EA01",
        "414460008",
        ("282386", "Gleevec"),
        ("403879", "imatinib 400 MG Oral Tablet"),
        ("403878", "imatinib 100 MG Oral Tablet"),
        ("284206", "imatinib 100 MG Oral Capsule"),
        ("404589", "imatinib 400 MG Oral Tablet [Gleevec]"),
    ),
    "sunitinib": _drug(
        "sunitinib",
        "357977",
        "L01EX01",
        "421192001",
        ("616274", "Sutent"),
        ("616289", "sunitinib 50 MG Oral Capsule"),
        ("616279", "sunitinib 12.5 MG Oral Capsule"),
    ),
    "regorafenib": _drug(
        "regorafenib",
        "1312397",
        "L01EX05",
        "702804006",
        ("1312403", "Stivarga"),
        ("1312402", "regorafenib 40 MG Oral Tablet"),
    ),
    "avapritinib": _drug(
        "avapritinib", "2272107", "L01EX18", "", None, ("2272112", "avapritinib 100 MG Oral Tablet")
    ),
    "pazopanib": _drug(
        "pazopanib",
        "714438",
        "L01EX03",
        "443763005",
        ("867503", "Votrient"),
        ("867502", "pazopanib 200 MG Oral Tablet"),
    ),
    "larotrectinib": _drug(
        "larotrectinib",
        "2105628",
        "L01EX12",
        "",
        ("2105640", "Vitrakvi"),
        ("2105633", "larotrectinib 100 MG Oral Capsule"),
    ),
    "entrectinib": _drug(
        "entrectinib",
        "2197862",
        "L01EX14",
        "",
        ("2197868", "Rozlytrek"),
        ("2197875", "entrectinib 200 MG Oral Capsule"),
    ),
    "repotrectinib": _drug(
        "repotrectinib",
        "2670644",
        "L01EX28",
        "",
        ("2670650", "Augtyro"),
        ("2670649", "repotrectinib 40 MG Oral Capsule"),
    ),
    "dabrafenib": _drug(
        "dabrafenib",
        "1424911",
        "L01EC02",
        "703641001",
        ("1425223", "Tafinlar"),
        ("1424918", "dabrafenib 75 MG Oral Capsule"),
    ),
    "trametinib": _drug(
        "trametinib",
        "1425099",
        "L01EE01",
        "708711009",
        ("1425105", "Mekinist"),
        ("1425116", "trametinib 2 MG Oral Tablet"),
    ),
    "binimetinib": _drug(
        "binimetinib",
        "2049122",
        "L01EE03",
        "772195005",
        ("2049128", "Mektovi"),
        ("2049127", "binimetinib 15 MG Oral Tablet"),
    ),
    "crizotinib": _drug(
        "crizotinib",
        "1148495",
        "L01ED01",
        "703637000",
        ("1148499", "Xalkori"),
        ("1148498", "crizotinib 200 MG Oral Capsule"),
    ),
    "doxorubicin": _drug(
        "doxorubicin",
        "3639",
        "L01DB01",
        "372817009",
        ("42512", "Adriamycin"),
        ("1790095", "doxorubicin hydrochloride 50 MG Injection"),
    ),
    "doxorubicin liposomal": _drug(
        "doxorubicin hydrochloride liposome", "466523", "", "772118008", ("80773", "Doxil")
    ),
    "epirubicin": _drug(
        "epirubicin",
        "3995",
        "L01DB03",
        "417916005",
        ("203766", "Ellence"),
        ("1732186", "100 ML epirubicin hydrochloride 2 MG/ML Injection"),
    ),
    "ifosfamide": _drug(
        "ifosfamide",
        "5657",
        "L01AA06",
        "386904003",
        ("217701", "Ifex"),
        ("1791593", "ifosfamide 1000 MG Injection"),
    ),
    "mesna": _drug(
        "mesna",
        "44",
        "V03AF01",
        "386922000",
        ("218330", "Mesnex"),
        ("204870", "mesna 100 MG/ML Injectable Solution"),
    ),
    "dacarbazine": _drug(
        "dacarbazine", "3098", "L01AX04", "387441003", None, ("1731338", "dacarbazine 200 MG Injection")
    ),
    "trabectedin": _drug(
        "trabectedin",
        "1716278",
        "L01CX01",
        "433127001",
        ("1718590", "Yondelis"),
        ("1718589", "trabectedin 1 MG Injection"),
    ),
    "eribulin": _drug(
        "eribulin",
        "1045453",
        "L01XX41",
        "708166000",
        ("1045457", "Halaven"),
        ("1045456", "2 ML eribulin mesylate 0.5 MG/ML Injection"),
    ),
    # drugs the guideline does not know
    "amoxicillin": _drug(
        "amoxicillin", "723", "J01CA04", "", None, ("308182", "amoxicillin 250 MG Oral Capsule")
    ),
    "levothyroxine": _drug(
        "levothyroxine", "10582", "H03AA01", "", None, ("966222", "Levothyroxine Sodium 0.05 MG Oral Tablet")
    ),
    "omeprazole": _drug(
        "omeprazole",
        "7646",
        "A02BC01",
        "",
        None,
        ("198051", "Omeprazole 20 MG Delayed Release Oral Capsule"),
    ),
}

PROCEDURES: dict[str, tuple[Coding, ...]] = {
    "excision of tumour of stomach": (
        coding(SNOMED, "64289008", "Excision of tumor of stomach"),
        coding(SNOMED, "90410003", "Wedge resection of stomach"),
        coding(SNOMED, "443918004", "Local excision of malignant neoplasm of stomach"),
    ),
    "ablation": (
        coding(SNOMED, "426830009", "Percutaneous radiofrequency ablation of lesion of liver"),
        coding(SNOMED, "879916008", "Radiofrequency ablation"),
        coding(SNOMED, "716009005", "Percutaneous ablation of neoplasm"),
        coding(SNOMED, "609232008", "Percutaneous microwave ablation of lesion of liver"),
    ),
    "embolisation": (
        coding(SNOMED, "16736007", "Transcatheter therapy for embolization"),
        coding(SNOMED, "57238002", "Selective embolization of artery"),
    ),
    "chemoembolisation": (coding(SNOMED, "314617008", "Chemoembolization of liver metastases"),),
    "external beam radiotherapy": (coding(SNOMED, "33195004", "Teleradiotherapy procedure"),),
    "mutation testing": (coding(SNOMED, "405825005", "Molecular genetic test"),),
    "palliative care": (
        coding(SNOMED, "103735009", "Palliative care"),
        coding(SNOMED, "306237005", "Referral to palliative care service"),
    ),
    "clinical trial": (coding(SNOMED, "709491003", "Enrollment in clinical trial"),),
    "observation": (coding(SNOMED, "424313000", "Active surveillance"),),
    "full blood count": (coding(LOINC, "58410-2", "CBC panel - Blood by Automated count"),),
    # procedures of soft-tissue sarcoma
    "wide local excision": (
        coding(SNOMED, "787439005", "Wide excision"),
        coding(SNOMED, "178230005", "Wide local excision of muscle"),
        coding(SNOMED, "363269004", "Radical resection of soft tissue"),
    ),
    "amputation": (
        coding(SNOMED, "81723002", "Amputation"),
        coding(SNOMED, "79733001", "Amputation above-knee"),
    ),
    "retroperitoneal resection": (
        coding(SNOMED, "8951004", "Excision of lesion of retroperitoneum"),
        coding(SNOMED, "81751006", "Excision of intra-abdominal mass"),
    ),
    "metastasectomy": (coding(SNOMED, "307616002", "Excision of liver metastasis"),),
    "stereotactic body radiotherapy": (coding(SNOMED, "395096001", "Stereotactic radiotherapy"),),
    "intensity-modulated radiotherapy": (coding(SNOMED, "441799006", "Intensity modulated radiotherapy"),),
    "radiotherapy": (
        coding(SNOMED, "1287742003", "Radiotherapy"),
        coding(SNOMED, "108290001", "Radiotherapy course"),
    ),
    "chemoradiation": (
        coding(SNOMED, "703423002", "Combined chemotherapy and radiation therapy"),
        coding(SNOMED, "394934009", "Combined pre-operative chemotherapy and radiotherapy"),
    ),
    "lymph node dissection": (
        coding(SNOMED, "11971000224104", "Dissection of lymph node"),
        coding(SNOMED, "79544006", "Complete axillary lymphadenectomy"),
    ),
    "ablation of lung": (coding(SNOMED, "426987001", "Percutaneous radiofrequency ablation of lung"),),
    "palliative debulking": (coding(SNOMED, "712999003", "Palliative debulking of neoplasm"),),
    "referral to multidisciplinary team": (coding(SNOMED, "384682003", "Multidisciplinary care conference"),),
    "NTRK testing": (coding(LOINC, "93813-4", "NTRK1, NTRK2 and NTRK3 gene rearrangements in Tissue"),),
    "radioembolisation": (coding(SNOMED, "764677008", "Selective internal radiotherapy of liver"),),
}
