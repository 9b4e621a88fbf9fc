"""Codes of the objects: SNOMED CT and DCM where they have a word for it, else the private scheme 99INSPECT.

PS3.16: TID 1500, 1410, 4019; CID 7150 (categories of segments); PS3.3 C.12.1 (Coding Scheme Identification).
"""

from __future__ import annotations

from dataclasses import dataclass

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from inspect_ai.domain import Outcome
from inspect_ai.review import Answer

PRIVATE = "99INSPECT"
PRIVATE_VERSION = "1"


def private(value: str, meaning: str) -> CodedConcept:
    """Code of the private scheme."""
    return CodedConcept(value=value, scheme_designator=PRIVATE, meaning=meaning)


def snomed(value: str, meaning: str) -> CodedConcept:
    """Code of SNOMED CT."""
    return CodedConcept(value=value, scheme_designator="SCT", meaning=meaning)


def dcm(value: str, meaning: str) -> CodedConcept:
    """Code of DICOM's own scheme (PS3.16 Annex D)."""
    return CodedConcept(value=value, scheme_designator="DCM", meaning=meaning)


def scheme() -> CodingSchemeIdentificationItem:
    """Declaration of the private scheme, which every object with a code of it carries."""
    return CodingSchemeIdentificationItem(
        designator=PRIVATE,
        name="Private codes of inspect-ai-vision",
        version=PRIVATE_VERSION,
        responsible_organization="inspect-ai-vision",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCodes:
    """Codes of a task's positive findings: what they are, where, and the category of a segment of them."""

    finding: CodedConcept
    category: CodedConcept
    site: CodedConcept | None = None


MORPHOLOGIC = snomed("49755003", "Morphologically Abnormal Structure")
SPATIAL = snomed("309825002", "Spatial and Relational Concept")
# A place that a decision lists below the line from which it flags: no claim that something is there.
BELOW_LINE = private("below_line", "Place below the flag line")

# A place that a reader drew with a negative answer: no claim that something is there either.
MARKED = private("marked", "Place that the reader marked")

_OF_TASK = {
    "lung_nodule": FindingCodes(
        finding=snomed("27925004", "Nodule"), site=snomed("39607008", "Lung"), category=MORPHOLOGIC
    ),
    "fundus": FindingCodes(
        finding=snomed("4855003", "Diabetic retinopathy"), site=snomed("5665001", "Retina"), category=MORPHOLOGIC
    ),
}


def finding_codes(task: str, name: str) -> FindingCodes:
    """Codes of a finding of a task; of a task without an entry here, a private code whose meaning is its name."""
    known = _OF_TASK.get(task)
    # the meaning of a code is LO: 64 characters
    return known or FindingCodes(finding=private("finding", (name or "finding")[:64]), category=MORPHOLOGIC)


SIDES = {"L": snomed("7771000", "Left"), "R": snomed("24028007", "Right")}

LONG_AXIS = snomed("103339001", "Long axis")
SHORT_AXIS = snomed("103340004", "Short axis")
DIAMETER = snomed("81827009", "Diameter")
HEIGHT = private("height", "Height across slices")
SCORE = private("score", "Score of inspect_ai")
FLAG_LINE = private("flag_line", "Score from which a study is flagged")

MILLIMETRE = CodedConcept(value="mm", scheme_designator="UCUM", meaning="millimeter")
NO_UNIT = CodedConcept(value="1", scheme_designator="UCUM", meaning="no units")

EVALUATIONS = CodedConcept(value="C0034375", scheme_designator="UMLS", meaning="Qualitative Evaluations")
OUTCOME = private("outcome", "Outcome of inspect_ai")
REASON = private("reason", "Reason and statement of what is proved")
CERTIFICATE = private("certificate", "Certificate at the time of writing")
REMARK = private("remark", "Remark on the study")
CAUTION = private("caution", "Caution")
OUTCOMES = {
    Outcome.CLEAR: private("clear", "CLEAR: nothing reaches the line"),
    Outcome.FLAG: private("flag", "FLAG: a person must look"),
    Outcome.ABSTAIN: private("abstain", "ABSTAIN: not decided, a person must look"),
}

FINDING = dcm("121071", "Finding")
ANSWER = private("answer", "Answer of the reader")
ANSWERS = {
    Answer.POSITIVE: private("positive", "POSITIVE: the finding is there"),
    Answer.NEGATIVE: private("negative", "NEGATIVE: nothing is there"),
    Answer.REOPEN: private("withdrawn", "WITHDRAWN: the answer before this does not hold"),
}
ANSWER_TO = private("answer_to", "Answer to")
CLASS = private("class", "Class in the words of the task")
ANSWER_REASON = private("answer_reason", "Reason of the reader")
READING = private("reading", "Reading")
BLINDED = private("blinded", "Before the answer of inspect_ai was shown")
NOT_BLINDED = private("not_blinded", "The answer of inspect_ai could be seen")

ENGLISH = CodedConcept(value="en", scheme_designator="RFC5646", meaning="English")
CT_PROCEDURE = CodedConcept(value="25045-6", scheme_designator="LN", meaning="CT unspecified body region")
IMAGING_PROCEDURE = snomed("363679005", "Imaging procedure")
