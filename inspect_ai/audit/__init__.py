"""Audit log: decisions and all that follows from them, append-only, chained by hashes, in one SQLite file."""

from inspect_ai.audit.chain import Head
from inspect_ai.audit.checking import Verification, verify
from inspect_ai.audit.exporting import export, export_csv, export_jsonl
from inspect_ai.audit.log import Log
from inspect_ai.audit.opening import login_name, open_log
from inspect_ai.audit.patients import patient_key
from inspect_ai.audit.records import Action, Alarm, CertificateNote, Entry, Kind, Review

__all__ = [
    "Action",
    "Alarm",
    "CertificateNote",
    "Entry",
    "Head",
    "Kind",
    "Log",
    "Review",
    "Verification",
    "export",
    "export_csv",
    "export_jsonl",
    "login_name",
    "open_log",
    "patient_key",
    "verify",
]
