"""The mutants: for each safety rule a change that breaks it, and the tests that must notice."""

from __future__ import annotations

from benchmarks.mutants.study import Mutant

ROADS = ("by_scan", "by_watch", "by_python", "by_evaluate", "by_agreement")
DECIDE = "tests/test_decide.py::"
ONE_VERDICT = "tests/journeys/test_one_verdict.py::"
PREDICT = "tests/inspection/test_predict.py::"
VERDICT = "tests/inspection/test_verdict.py::"
FOR_STUDY = "tests/calibration/test_for_study.py::"
POINT = "tests/calibration/test_point.py::"
CERTIFICATE = "tests/certificates/test_certificate.py::"
STATUS = "tests/certificates/test_status.py::"
CERTIFIED_WORK = "tests/journeys/test_certificate.py::"
LOG = "tests/audit/test_log.py::"
VERIFY = "tests/audit/test_verify.py::"
FILE_REFUSES = LOG + "test_the_file_itself_refuses_changes_even_from_a_tool_without_our_pragmas"


def _on_every_road(test: str, before: str = "") -> tuple[str, ...]:
    return tuple(f"{ONE_VERDICT}{test}[{before}{road}]" for road in ROADS)


OF_VERDICTS = (
    Mutant(
        rule="a whole series carries no promise, and its own line flags it",
        name="for_volume() not applied",
        file="inspect_ai/inspection/verdict.py",
        old="    point = point.for_volume() if scored.is_whole_series else point\n",
        new="",
        tests=_on_every_road("test_a_whole_series_has_no_promise_and_only_its_own_line_flags"),
    ),
    Mutant(
        rule="a study is judged by the threshold of its own group",
        name="for_study() not applied",
        file="inspect_ai/inspection/verdict.py",
        old="rules.point.for_study(study.attributes)",
        new="rules.point",
        tests=_on_every_road("test_a_study_is_judged_by_the_threshold_of_its_own_group", "south-clear-"),
    ),
    Mutant(
        rule="each thread that scores has an engine of its own",
        name="one engine shared by all threads",
        file="inspect_ai/inspection/inspector.py",
        old="field(default_factory=threading.local, repr",
        new="field(default_factory=lambda: type('Shared', (), {})(), repr",
        tests=(PREDICT + "test_each_thread_that_scores_has_an_engine_of_its_own",),
    ),
    Mutant(
        rule="an answer that is no number is said to be none",
        name="every answer counts as a number",
        file="inspect_ai/inspection/predict.py",
        old="return all(np.isfinite(output.logits).all() for output in self.outputs)",
        new="return True",
        tests=(PREDICT + "test_what_is_no_number_is_never_clear",),
    ),
    Mutant(
        rule="an answer that is no number has no score",
        name="infinite logits are scored",
        file="inspect_ai/inspection/predict.py",
        old="if all(np.isfinite(output.logits).all() for output in outputs):",
        new="if outputs:",
        tests=(PREDICT + "test_what_is_no_number_has_neither_score_nor_findings[inf]",),
    ),
    Mutant(
        rule="a study with problems is left to a person",
        name="the problems of the study are not heard",
        file="inspect_ai/inspection/verdict.py",
        old="[*study.problems, *scored.problems]",
        new="scored.problems",
        tests=(VERDICT + "test_a_problem_of_the_study_comes_before_its_score",),
    ),
    Mutant(
        rule="what is unlike the calibration pictures is left to a person",
        name="the distance from calibration is not judged",
        file="inspect_ai/inspection/verdict.py",
        old="() if distance is None else (distance,)",
        new="()",
        tests=(
            "tests/inspection/test_out_of_distribution.py::"
            "test_an_untypical_picture_is_left_to_a_person_with_the_reason_in_words",
        ),
    ),
    Mutant(
        rule="what no certificate stands behind is not certified",
        name="mismatches do not reach the decision",
        file="inspect_ai/inspection/verdict.py",
        old="mismatches=rules.mismatches,",
        new="mismatches=(),",
        tests=("tests/inspection/test_verdict.py::test_a_doubt_about_the_promise_is_in_the_reason",),
    ),
    Mutant(
        rule="a decision records the threshold that it was judged by",
        name="the threshold of all groups is recorded",
        file="inspect_ai/inspection/decision.py",
        old="lines = judged.point.thresholds",
        new="lines = (rules.point or judged.point).thresholds",
        tests=(VERDICT + "test_a_decision_records_the_threshold_of_its_group",),
    ),
    Mutant(
        rule="ties fall to the safe side",
        name="a score one step of the grid below the line is cleared",
        file="inspect_ai/decide.py",
        old="return score >= threshold - step(lines)",
        new="return score > threshold - step(lines)",
        tests=(DECIDE + "test_each_side_of_each_line",),
    ),
    Mutant(
        rule="a batch or thread count cannot change a decision",
        name="scores are compared off the grid",
        file="inspect_ai/decide.py",
        old="score = round(score / near) * near if near else score",
        new="score = float(score)",
        tests=(DECIDE + "test_scores_that_round_to_one_place_on_the_grid_get_one_verdict",),
    ),
    Mutant(
        rule="problems come before scores",
        name="a score hides problems",
        file="inspect_ai/decide.py",
        old="    if why or score is None:\n",
        new="    if score is None or not 0.0 <= score <= 1.0:\n",
        tests=(DECIDE + "test_a_failed_measure_says_what_the_person_at_the_device_can_do",),
    ),
    Mutant(
        rule="a score outside 0 to 1 is left to a person",
        name="any number is judged",
        file="inspect_ai/decide.py",
        old="and not 0.0 <= score <= 1.0:",
        new="and not -99.0 <= score <= 99.0:",
        tests=(DECIDE + "test_a_score_outside_0_to_1_is_left_to_a_person",),
    ),
    Mutant(
        rule="nothing is cleared without a person while clearing is suspended",
        name="a suspension clears",
        file="inspect_ai/decide.py",
        old="if suspended is not None and outcome is Outcome.CLEAR:",
        new="if False:",
        tests=(DECIDE + "test_a_suspension_leaves_what_would_be_clear_to_a_person_and_promises_nothing",),
    ),
    Mutant(
        rule="nothing is cleared of which a part was not seen",
        name="half an organ is cleared",
        file="inspect_ai/decide.py",
        old="if unseen and outcome is Outcome.CLEAR:",
        new="if False:",
        tests=(DECIDE + "test_what_a_study_does_not_show_stops_a_clear_and_no_flag",),
    ),
    Mutant(
        rule="a refused point promises nothing",
        name="the refusal is no doubt",
        file="inspect_ai/decide.py",
        old="*listed_doubts(mismatches), *refusal]",
        new="*listed_doubts(mismatches)]",
        tests=(DECIDE + "test_whatever_comes_in_the_verdict_is_sound",),
    ),
    Mutant(
        rule="a revoked certificate certifies nothing",
        name="a revocation does not reach the inspector",
        file="inspect_ai/inspection/inspector.py",
        old="if found.state in (CertificateState.REVOKED, CertificateState.UNTRUSTED):",
        new="if False:",
        tests=(CERTIFIED_WORK + "test_a_revoked_certificate_certifies_nothing_from_then_on",),
    ),
    Mutant(
        rule="a suspension counts for decisions from Python",
        name="the log is not asked from Python",
        file="inspect_ai/inspection/inspector.py",
        old="now = sound.with_status(self.status_in(log))",
        new="now = sound",
        tests=(ONE_VERDICT + "test_what_the_log_says_of_a_certificate_holds_in_scan_and_from_python",),
    ),
    Mutant(
        rule="a run notices what another process writes of a certificate",
        name="the log is asked at the start alone",
        file="inspect_ai/inspection/inspectors.py",
        old="if seen == self._seen and doubts == self._doubts:",
        new="if self._seen is not None:",
        tests=(CERTIFIED_WORK + "test_a_watch_in_this_process_looks_before_each_part",),
    ),
)

OF_PROMISES = (
    Mutant(
        rule="an unknown group has the lowest threshold and no promise",
        name="an unknown group has the promise of all",
        file="inspect_ai/operating_point.py",
        old="            return replace(self, proof=replace(self.proof, groups=(), refusal=refusal))\n",
        new="            return self\n",
        tests=(FOR_STUDY + "test_an_unknown_group_is_not_certified_even_where_all_known_ones_are",),
    ),
    Mutant(
        rule="a group that is not proved promises nothing",
        name="a group's refusal is dropped",
        file="inspect_ai/operating_point.py",
        old="refusal=None if group.refusal is None else ",
        new="refusal=None if group.refusal else ",
        tests=(FOR_STUDY + "test_a_group_that_lacks_positives_works_on_uncertified_and_says_how_many",),
    ),
    Mutant(
        rule="a whole series carries no promise",
        name="for_volume() keeps the promise",
        file="inspect_ai/operating_point.py",
        old="refusal=self.proof.refusal or why",
        new="refusal=self.proof.refusal",
        tests=(DECIDE + "test_a_whole_series_is_decided_without_a_promise",),
    ),
    Mutant(
        rule="counts that do not prove the claim are refused",
        name="a claim is believed",
        file="inspect_ai/calibration/point_validation.py",
        old="if claim.refusal is None and not kept:",
        new="if False:",
        tests=(POINT + "test_striking_the_refusal_out_of_a_file_does_not_certify_it",),
    ),
    Mutant(
        rule="no bound is better than its counts allow",
        name="a stated bound is believed",
        file="inspect_ai/calibration/point_validation.py",
        old="if not 0.0 <= claim.proved_sensitivity <= bound + ROUNDING:",
        new="if not 0.0 <= claim.proved_sensitivity <= 1.0:",
        tests=(POINT + "test_a_bound_better_than_the_counts_allow_is_refused",),
    ),
    Mutant(
        rule="groups share the doubt",
        name="each group may doubt as much as all together",
        file="inspect_ai/calibration/point_validation.py",
        old="split_confidence(together, len(values))",
        new="together",
        tests=(CERTIFICATE + "test_groups_share_the_doubt",),
    ),
    Mutant(
        rule="the signature is checked",
        name="any signature fits",
        file="inspect_ai/certificates/certificate.py",
        old='if not signed_by(plain["public_key"], plain["signature"], text):',
        new="if False:",
        tests=(CERTIFICATE + "test_a_signature_by_another_key_does_not_fit",),
    ),
    Mutant(
        rule="a signature does not make true what cannot be",
        name="what is signed is believed",
        file="inspect_ai/certificates/certificate.py",
        old="if fault := next(_faults(made), None):",
        new="if fault := None:",
        tests=(CERTIFICATE + "test_a_signature_does_not_make_true_what_cannot_be",),
    ),
    Mutant(
        rule="what is not proved is not signed",
        name="anything is signed",
        file="inspect_ai/certificates/certificate.py",
        old="if fault := next(_faults(certificate), None):",
        new="if fault := None:",
        tests=(CERTIFICATE + "test_what_is_not_proved_is_not_signed",),
    ),
    Mutant(
        rule="only trusted keys count",
        name="every key is trusted",
        file="inspect_ai/certificates/deployment.py",
        old="if made.public_key in trusted_keys(settings):",
        new="if made.public_key:",
        tests=(CERTIFIED_WORK + "test_a_strangers_signature_does_not_count",),
    ),
    Mutant(
        rule="a changed file voids the certificate",
        name="the digests of files are not compared",
        file="inspect_ai/certificates/deployment.py",
        old="None if ours[name] == certified[name] else",
        new="None if name in certified else",
        tests=(CERTIFIED_WORK + "test_a_new_file_of_code_and_a_missing_one_are_said",),
    ),
    Mutant(
        rule="a certificate that was altered does not count",
        name="a certificate that cannot be read costs nothing",
        file="inspect_ai/certificates/deployment.py",
        old='return None, [f"the certificate does not hold: {e}".replace(str(place), place.name).rstrip(".")]',
        new="return None, []",
        tests=(
            CERTIFIED_WORK
            + "test_one_changed_byte_makes_decisions_uncertified_and_says_which_file"
            + "[certificate.json-calibrator-altered after it was signed]",
        ),
    ),
    Mutant(
        rule="a revocation stays",
        name="a later word lifts a revocation",
        file="inspect_ai/certificates/status.py",
        old="if named and note.action is Action.REVOKED:",
        new="if named and suspended is None and note.action is Action.REVOKED:",
        tests=(STATUS + "test_the_last_word_counts_and_a_revocation_is_the_last",),
    ),
    Mutant(
        rule="the last word on a suspension counts",
        name="nobody who enables is heard",
        file="inspect_ai/certificates/status.py",
        old="elif note.action is Action.ENABLED and suspended is not None:",
        new="elif note.action is Action.ENABLED and suspended is None:",
        tests=(STATUS + "test_the_last_word_counts_and_a_revocation_is_the_last",),
    ),
    Mutant(
        rule="a suspension is not lifted by taking the certificate away",
        name="suspensions under another certificate are not heard",
        file="inspect_ai/certificates/status.py",
        old="if note.action is Action.SUSPENDED:",
        new="if named and note.action is Action.SUSPENDED:",
        tests=(STATUS + "test_a_suspension_is_the_tasks_and_a_revocation_the_certificates",),
    ),
)

OF_THE_LOG = (
    Mutant(
        rule="each hash covers the hash before it",
        name="entries are hashed by themselves",
        file="inspect_ai/audit/chain.py",
        old='hashlib.sha256(bytes.fromhex(previous) + document.encode("utf-8"))',
        new='hashlib.sha256(document.encode("utf-8"))',
        tests=(LOG + "test_the_chain_is_what_the_page_on_reliability_says",),
    ),
    Mutant(
        rule="entries are not changed",
        name="the trigger on UPDATE never fires",
        file="inspect_ai/audit/schema.py",
        old="entry_no_update BEFORE UPDATE ON entry\\n",
        new="entry_no_update BEFORE UPDATE ON entry WHEN 0\\n",
        tests=(FILE_REFUSES,),
    ),
    Mutant(
        rule="entries are not removed",
        name="the trigger on DELETE never fires",
        file="inspect_ai/audit/schema.py",
        old="entry_no_delete BEFORE DELETE ON entry\\n",
        new="entry_no_delete BEFORE DELETE ON entry WHEN 0\\n",
        tests=(FILE_REFUSES,),
    ),
    Mutant(
        rule="INSERT OR REPLACE is refused",
        name="a row in the way of a key is replaced",
        file="inspect_ai/audit/schema.py",
        old='    OR EXISTS (SELECT 1 FROM entry WHERE "key" = NEW."key")\n',
        new="",
        tests=(FILE_REFUSES,),
    ),
    Mutant(
        rule="a commit is on the disk",
        name="SQLite may return before the directory is synced",
        file="inspect_ai/audit/connection.py",
        old='"PRAGMA synchronous = EXTRA"',
        new='"PRAGMA synchronous = NORMAL"',
        tests=("tests/audit/test_opening.py::test_the_file_is_made_as_the_page_on_reliability_asks",),
    ),
    Mutant(
        rule="a foreign row is found",
        name="verify does not compare with the entry before",
        file="inspect_ai/audit/checking.py",
        old="if row.previous != self.head.hash:",
        new="if False:",
        tests=(VERIFY + "test_a_row_of_another_log_is_foreign",),
    ),
    Mutant(
        rule="a column says what its document says",
        name="verify does not compare columns",
        file="inspect_ai/audit/checking.py",
        old="if stored != value:",
        new="if False:",
        tests=(VERIFY + "test_what_was_done_to_the_rows_is_named",),
    ),
    Mutant(
        rule="a tail that was cut is seen by an anchor",
        name="an anchor may know more entries than the log",
        file="inspect_ai/audit/checking.py",
        old="if longest > head.rows:",
        new="if False:",
        tests=(VERIFY + "test_a_tail_that_was_cut_is_seen_by_the_anchor_alone",),
    ),
    Mutant(
        rule="nothing is written after an entry that was altered",
        name="the last entry is not checked",
        file="inspect_ai/audit/log.py",
        old="if last is not None and link(last.previous, last.document) != last.hash:",
        new="if False:",
        tests=(LOG + "test_nothing_is_written_after_a_last_entry_that_was_altered",),
    ),
    Mutant(
        rule="another operating point decides anew",
        name="the key of a decision leaves the operating point out",
        file="inspect_ai/audit/records.py",
        old="p.config_sha256, p.operating_point_sha256, *again)",
        new="p.config_sha256, *again)",
        tests=(LOG + "test_another_task_model_configuration_or_operating_point_decides_anew[operating_point_sha256]",),
    ),
    Mutant(
        rule="of two people who review at once one hears of the other",
        name="a second review after the same one is taken for the first",
        file="inspect_ai/audit/log.py",
        old="        if taken is not None:\n",
        new="        if False:\n",
        tests=(LOG + "test_of_two_reviews_after_the_same_one_the_second_hears_of_the_first",),
    ),
    Mutant(
        rule="a second reader is somebody else",
        name="the first reader may be the second",
        file="inspect_ai/review/answering.py",
        old="and before.last.operator == operator:",
        new="and not operator:",
        tests=("tests/journeys/test_review.py::test_the_second_reader_is_somebody_else",),
    ),
    Mutant(
        rule="commit before show",
        name="events are told from a draft, and committed after",
        file="inspect_ai/inspection/runner.py",
        old='        """Commit before show: one transaction for the group, then its events."""\n',
        new=(
            "        import shutil\n\n"
            "        from inspect_ai.audit import open_log\n\n"
            "        log, rows = self._log, [row for item in self._group for row in _rows(item)]\n"
            "        with open_log(shutil.copy(log.path, log.path.with_name('draft.db'))) as self._log:\n"
            "            yield from self._show(observer)\n"
            "        self._log = log\n"
            "        log.append(rows)\n\n"
            "    def _show(self, observer: Observer[Event]) -> Iterator[Event]:\n"
        ),
        tests=("tests/journeys/test_scan.py::test_an_interrupted_scan_keeps_what_is_committed_and_goes_on",),
    ),
    Mutant(
        rule="commit before show, from Python",
        name="a decision is returned without its row",
        file="inspect_ai/inspection/inspector.py",
        old="entry = log.append([now.decide_preprocessed(study.ref, preprocessed)[0]])[0]",
        new="return now.decide_preprocessed(study.ref, preprocessed)[0]",
        tests=("tests/test_api.py::test_a_decision_stands_in_the_log_before_it_is_returned",),
    ),
    Mutant(
        rule="names of files are not written",
        name="an entry is written with its names",
        file="inspect_ai/audit/log.py",
        old="entry = last = self._add(connection, hidden, last, sealed)",
        new="entry = last = self._add(connection, item, last, sealed)",
        tests=("tests/audit/test_pseudonyms.py::test_the_log_holds_no_name_and_its_key_opens_the_sealed_ones",),
    ),
    Mutant(
        rule="a forged head does not count",
        name="signatures of heads are not checked",
        file="inspect_ai/audit/heads.py",
        old="if not head.signature or head.is_genuine]",
        new="]",
        tests=("tests/audit/test_heads.py::test_an_altered_head_is_left_out",),
    ),
)

MUTANTS = OF_VERDICTS + OF_PROMISES + OF_THE_LOG
