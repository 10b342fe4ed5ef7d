"""Which terminal software may connect: what an operator may see and change of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from relay.admin.changes import Changes, Clock
from relay.admin.person import Person
from relay.admission.client_certificates import MOST_MARKS, mark_of
from relay.counter.port import Mode
from relay.database.times import stamp
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import ReportKind, Terminal, Terminals, open_key
from relay.settings.secret_files import SecretFileRefused


class TerminalActions:
    """Each method that takes a `Person` changes something. Blocks."""

    def __init__(self, directory: Engine, key_file: Path, changes: Changes, clock: Clock) -> None:
        """`key_file` holds the key of the auth codes; it is opened only by what needs an auth code."""
        self._directory = directory
        self._key_file = key_file
        self._changes = changes
        self._clock = clock

    def all(self) -> tuple[list[Terminal], str]:
        """Every terminal, by app id; and why their auth codes cannot be read, empty where the key is there."""
        try:
            return self._terminals(self._key()).all(), ""
        except SecretFileRefused as refused:
            return self._terminals(SecretsBox.without_key()).all(), str(refused)

    def add(
        self, by: Person, app_id: str, auth_code: str, modes: Sequence[Mode] = (), kinds: Sequence[ReportKind] = ()
    ) -> Terminal:
        """Register a terminal; without modes it is admitted in every one, without kinds it sends ordinary reports.

        Raises EntryExists, AuthCodeMalformed, ValueError, SecretFileRefused, LedgerUnavailable.
        """
        admitted, sent = tuple(modes or Mode), tuple(kinds or (ReportKind.ORDINARY,))
        facts = {"app_id": app_id, "modes": admitted, "kinds": sent}
        box = self._key()  # first: without it nothing is tried
        with self._changes.recorded(self._directory, by, "terminal_add", facts) as here:
            return self._terminals(box, here).add(app_id, auth_code, admitted, sent)

    def set_kinds(self, by: Person, app_id: str, kinds: Sequence[ReportKind]) -> None:
        """Say which reports a terminal may send, from the next login on; raises EntryUnknown, LedgerUnavailable."""
        facts = {"app_id": app_id, "kinds": tuple(kinds)}
        with self._changes.recorded(self._directory, by, "terminal_kinds", facts) as here:
            self._terminals(SecretsBox.without_key(), here).set_kinds(app_id, kinds)

    def set_certificates(self, by: Person, app_id: str, marks: Sequence[str]) -> None:
        """Say which certificates a terminal may show, from the next login on.

        Raises EntryUnknown, LedgerUnavailable; ValueError for what is no mark, or for too many.
        """
        facts = {"app_id": app_id, "certificates": tuple(marks)}
        with self._changes.recorded(self._directory, by, "terminal_certificates", facts) as here:
            kept = sorted({mark_of(mark) for mark in marks})
            if len(kept) > MOST_MARKS:
                raise ValueError(f"an app id has {MOST_MARKS} certificates at most; register a name: for more")
            self._terminals(SecretsBox.without_key(), here).set_certificates(app_id, kept)

    def rotate(
        self,
        by: Person,
        app_id: str,
        auth_code: str,
        *,
        keep_until: dt.datetime | None = None,
        with_another_key: bool = False,
    ) -> None:
        """Give a terminal another auth code; the old one ends at once, or holds as well until `keep_until`.

        `with_another_key` is for a key that is lost for good: the key file there is, or a new one, is used from here on.
        Raises EntryUnknown, AuthCodeMalformed, SecretFileRefused, LedgerUnavailable, ValueError for a time that is over.
        """
        box = SecretsBox.open_or_create(self._key_file) if with_another_key else self._key()
        facts: dict[str, object] = {"app_id": app_id, "with_another_key": with_another_key}
        if keep_until is not None:
            facts["old_code_until"] = stamp(keep_until)
        with self._changes.recorded(self._directory, by, "terminal_rotate", facts) as here:
            self._terminals(box, here).rotate(app_id, auth_code, keep_until)

    def end_overlap(self, by: Person, app_id: str) -> None:
        """The code before the last rotation ends now; raises EntryUnknown, LedgerUnavailable."""
        with self._changes.recorded(self._directory, by, "terminal_end_overlap", {"app_id": app_id}) as here:
            self._terminals(SecretsBox.without_key(), here).end_overlap(app_id)

    def set_enabled(self, by: Person, app_id: str, enabled: bool) -> None:
        """Admit or shut out a terminal; running relays end its sessions within seconds.

        Raises EntryUnknown, LedgerUnavailable.
        """
        kind = "terminal_enable" if enabled else "terminal_disable"
        with self._changes.recorded(self._directory, by, kind, {"app_id": app_id}) as here:
            self._terminals(SecretsBox.without_key(), here).set_enabled(app_id, enabled)

    def _key(self) -> SecretsBox:
        return open_key(self._directory, self._key_file)

    def _terminals(self, box: SecretsBox, within: Connection | None = None) -> Terminals:
        return Terminals(self._directory, box, clock=self._clock, within=within)
