"""Audit log: decisions and all that follows from them, append-only, chained by hashes, in one SQLite file."""

from inspect_ai.audit.chain import Head
from inspect_ai.audit.checking import Verification, verify
from inspect_ai.audit.exporting import export, export_csv, export_jsonl
from inspect_ai.audit.head_keeping import HeadKeeper, KeptHead, keep_head
from inspect_ai.audit.heads import SignedHead, heads_in_folder, log_name
from inspect_ai.audit.log import Log
from inspect_ai.audit.opening import login_name, open_log
from inspect_ai.audit.patients import key_path, patient_key
from inspect_ai.audit.pseudonyms import Pseudonyms, replaced
from inspect_ai.audit.records import (
    Access,
    AccessAction,
    Action,
    Alarm,
    CertificateNote,
    Delivery,
    DeliveryState,
    DrawnMark,
    Entry,
    Kind,
    MarkKind,
    Review,
)

__all__ = [
    "Access",
    "AccessAction",
    "Action",
    "Alarm",
    "CertificateNote",
    "Delivery",
    "DeliveryState",
    "DrawnMark",
    "Entry",
    "Head",
    "HeadKeeper",
    "KeptHead",
    "Kind",
    "Log",
    "MarkKind",
    "Pseudonyms",
    "Review",
    "SignedHead",
    "Verification",
    "export",
    "export_csv",
    "export_jsonl",
    "heads_in_folder",
    "keep_head",
    "key_path",
    "log_name",
    "login_name",
    "open_log",
    "patient_key",
    "replaced",
    "verify",
]
