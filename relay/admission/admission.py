"""Whether a terminal is let in: where it comes from, that its software is the registered one, that its machine is
truly reported, and, where the relay is the one who must know, that the investor is who it says.

`prove` comes first, and nothing of the relay is reserved, locked or said before it is passed. Then the order is from cheap
to dear, and nothing reaches the counter before the last check has passed. Each check refuses with a reason of its own
(`relay.refusals`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission import collected, system_info
from relay.admission.client_certificates import Asked, ShownCertificate, why_not_this_terminals
from relay.admission.known_places import KnownPlaces
from relay.admission.login_guard import LoginGuard
from relay.admission.login_turns import OnWait
from relay.admission.machine_watch import MachineWatch
from relay.admission.machines import Desk, MachineHistory, MachineTraits
from relay.admission.origin.trusted_proxies import Origin
from relay.admission.proofs import Proofs
from relay.admission.system_info_seen import Shown, SystemInfoSeen
from relay.admission.verifier import Verifier
from relay.counter.port import CTP, Counter, Evidence, Investor, Mode, TerminalLogin, TerminalReport
from relay.database.times import COUNTER_ZONE
from relay.directory.access import DirectoryAccess
from relay.directory.grouped import Grouped
from relay.directory.investors import Investors, ProvedInvestor, ShownProof
from relay.directory.known_terminals import KnownTerminals
from relay.directory.password_keys import said_of
from relay.directory.terminals import ReportKind, Terminal, Terminals
from relay.refusals import counter_reasons, login_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused, refuse


@dataclass(frozen=True, slots=True)
class Applicant:
    """A terminal that has proved itself and asks to be logged in."""

    name: str
    """the session's id, if it becomes one"""
    terminal: Terminal
    client_version: str
    origin: Origin
    login: pb.Login = field(repr=False)
    certificate: ShownCertificate | None = None
    on_admitted: Callable[[], object] = field(default=lambda: None, repr=False)
    """called before its admission is put into the ledger, which from then on must get an end there too"""
    challenge: bytes = field(default=b"", repr=False)
    """of its stream"""
    on_wait: OnWait | None = field(default=None, repr=False)
    """called while it waits for its turn, where the terminal wants to know"""

    @property
    def app_id(self) -> str:
        return self.terminal.app_id

    @property
    def investor(self) -> Investor:
        return Investor(self.login.broker_id, self.login.investor_id)

    @property
    def password(self) -> str:
        return self.login.password


@dataclass(frozen=True, slots=True)
class Proof:
    """A stream's answer to its challenge, where there is no login: at a resume."""

    app_id: str
    origin: Origin
    challenge: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    certificate: ShownCertificate | None = None


@dataclass(slots=True)
class Directory:
    """Who is registered, and how to ask without blocking the loop."""

    access: DirectoryAccess
    terminals: Terminals
    known: KnownTerminals
    investors: Investors
    places: KnownPlaces
    seen: SystemInfoSeen
    machines: MachineHistory


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    broker_id: str
    age: system_info.AgeLimits
    refuse_unlike: bool = False
    """whether a machine that is unlike those known at its place is refused, and not only noted"""
    certificates: Asked = Asked.OFF
    """of which terminals a certificate is asked"""
    require_clean: frozenset[str] = frozenset()
    """kinds of collected info that are refused where the collector returned an error"""
    takes_proofs: bool = False
    """whether an investor's password may be proved, because the counter does not need it"""
    proof_only: bool = False
    """whether no investor's password is taken, only its proof"""


class Admission:
    def __init__(
        self,
        rules: AdmissionRules,
        counter: Counter,
        directory: Directory,
        verifier: Verifier | None,
        guard: LoginGuard,
        evidence: Evidence,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self.rules = rules
        """for the next login"""
        self._counter = counter
        self._directory = directory
        self._verifier = verifier
        self._guard = guard
        self._evidence = evidence
        self._clock = clock
        self._seen = Grouped(directory.access, directory.seen.remember_all)
        self._proved_investors = Grouped(directory.access, directory.investors.proved_all)
        self._proofs = Proofs(directory.known, clock)
        self.watch = MachineWatch(directory.machines, directory.access, evidence)
        self._traits: dict[str, MachineTraits] = {}
        """of logins between their admission and the counter"""

    async def prove(self, app_id: str, challenge: bytes, answer: bytes) -> Terminal:
        """The terminal, where the answer was made with its auth code; raises Refused, for strangers always the same."""
        return await self._proofs.prove(app_id, challenge, answer)

    def check_terminal(self, applicant: Applicant) -> None:
        """What the firm says of a terminal that has proved itself, and whether the login can be read. Raises Refused."""
        terminal, login = applicant.terminal, applicant.login
        if not terminal.enabled:
            raise Refused(login_reasons.terminal_disabled(app_id=terminal.app_id))
        refuse(why_not_this_terminals(self.rules.certificates, terminal, applicant.certificate))
        if self._counter.mode not in terminal.modes:
            raise Refused(login_reasons.mode_not_allowed(app_id=terminal.app_id, mode=self._counter.mode.value))
        kind = ReportKind.WECHAT if login.report_kind == pb.REPORT_KIND_WECHAT else ReportKind.ORDINARY
        if kind not in terminal.kinds:
            raise Refused(login_reasons.report_kind_not_allowed(app_id=terminal.app_id, kind=kind))
        if login.broker_id != self.rules.broker_id:
            raise Refused(login_reasons.wrong_broker(broker_id=login.broker_id))
        refuse(self._counter.check_login(login))

    def password_offer(self) -> pb.PasswordOffer | None:
        """How terminals prove investors' passwords; None where the counter needs the passwords themselves."""
        if not self.rules.takes_proofs:
            return None
        investors = self._directory.investors
        cost = investors.hashing.cost
        return pb.PasswordOffer(
            firm_salt=investors.firm_salt,
            passes=cost.passes,
            memory_kib=cost.kib,
            proof_only=self.rules.proof_only,
        )

    def turn(self, applicant: Applicant) -> AbstractAsyncContextManager[None]:
        """Around all that follows: raises Refused where the investor is locked here, waits where logins are slowed."""
        return self._guard.turn(applicant, applicant.on_wait)

    async def admit(self, applicant: Applicant) -> TerminalLogin:
        """Check the rest; raises Refused, LedgerUnavailable. The answer may go to the counter."""
        try:
            traits = await self._check_machine(applicant)
            accounts, relay_proof = await self._check_investor(applicant)
        except Refused as refused:
            self._guard.failed(applicant, refused.refusal)
            raise
        login = self._login(applicant, accounts, relay_proof)
        applicant.on_admitted()
        await self._evidence.record("terminal_admitted", applicant.name, self._facts(applicant, login))
        if traits is not None:
            self._traits[applicant.name] = traits
        return login

    async def prove_for_resume(self, proof: Proof) -> None:
        """Whether the app id is proved, in words that do not tell what was wrong; then its certificate. Raises Refused."""
        try:
            terminal = await self._proofs.prove(proof.app_id, proof.challenge, proof.answer)
        except Refused:
            raise Refused(stream_reasons.resume_not_proved(app_id=proof.app_id)) from None
        refuse(why_not_this_terminals(self.rules.certificates, terminal, proof.certificate))

    @asynccontextmanager
    async def at_counter(self, applicant: Applicant) -> AsyncIterator[None]:
        """Around the attempt at the counter: what it says counts towards the relay's own locks, which come before CTP's.

        Raises Refused where the attempt is one too many.
        """
        traits = self._traits.pop(applicant.name, None)
        async with self._guard.at_counter(applicant):
            yield
        if traits is not None:
            self.watch.logged_in(applicant.name, _desk(applicant), traits)

    async def _check_machine(self, applicant: Applicant) -> MachineTraits | None:
        """What the collectors gave, each kind by its own rules; the traits of CTP's."""
        login, wanted = applicant.login, self._counter.describe().wanted
        refuse(collected.check_collected(login, wanted, self.rules.require_clean))
        traits = None
        if login.system_info or any(want.required and want.is_of(CTP) for want in wanted):
            traits = await self._check_system_info(applicant)
        for one in collected.never_twice(collected.infos_of(login.collected), wanted):
            if not await self._is_new(one.info, applicant):
                raise Refused(login_reasons.system_info_replayed())
        return traits

    async def _is_new(self, info: bytes, applicant: Applicant, first_block: bytes = b"") -> bool:
        return await self._seen.run(Shown(info, applicant.name, first_block))

    async def _check_system_info(self, applicant: Applicant) -> MachineTraits | None:
        """What the relay can see of the machine; None of a kind of report that it cannot judge."""
        login = applicant.login
        refuse(system_info.check_length(login.system_info, login.system_info_length))
        is_ordinary, header, block = login.report_kind != pb.REPORT_KIND_WECHAT, b"", b""
        if self._verifier is not None and is_ordinary:
            header = await self._judge(self._verifier, login.system_info)
            block = login.system_info[: system_info.FIRST_BLOCK]
        if not await self._is_new(login.system_info, applicant, block):
            raise Refused(login_reasons.system_info_replayed())
        if not is_ordinary:
            return None
        digit, size = system_info.missing_digit(header), len(login.system_info)
        traits = MachineTraits(login.collector_code, digit, size, login.collector_version)
        if self.rules.refuse_unlike:
            refuse(await self.watch.refusal(_desk(applicant), traits))
        return traits

    async def _judge(self, verifier: Verifier, collection: bytes) -> bytes:
        """The header that the vendor's library unwrapped."""
        judgement = await verifier.check(collection)
        if not system_info.is_well_formed(judgement.code):
            raise Refused(counter_reasons.report_refused(judgement.code))
        refuse(system_info.check_age(judgement.header, self._clock(), self.rules.age))
        return judgement.header

    async def _check_investor(self, applicant: Applicant) -> tuple[frozenset[str], bytes]:
        """The investor's accounts, empty where only the counter knows them; what answers a right proof of the password."""
        # In many-to-many the counter knows the password; in many-to-one it never sees one, so the relay must.
        if self._counter.mode is Mode.MANY_TO_MANY:
            return frozenset(), b""
        login, access, investors = applicant.login, self._directory.access, self._directory.investors
        proved = await self._proved(applicant)
        if proved is not None:
            known = proved.record
        elif self.rules.proof_only or (login.HasField("password_proof") and not login.password):
            raise Refused(await access.run(lambda: investors.not_proved(login.broker_id, login.investor_id)))
        else:
            known = await access.run(lambda: investors.check(login.broker_id, login.investor_id, login.password))
        return frozenset(known.account_ids or (known.investor_id,)), proved.relay_proof if proved else b""

    async def _proved(self, applicant: Applicant) -> ProvedInvestor | None:
        """The investor, where the terminal proved the password; that is cheap, whatever comes."""
        login = applicant.login
        if not (self.rules.takes_proofs and login.HasField("password_proof")):
            return None
        shown, names = login.password_proof, (applicant.app_id, login.broker_id, login.investor_id)
        said = said_of(applicant.challenge, shown.nonce, names)
        proved = await self._proved_investors.run(ShownProof(applicant.investor, said, shown.proof))
        if isinstance(proved, Refusal):
            raise Refused(proved)
        return proved

    def _login(self, applicant: Applicant, accounts: frozenset[str], relay_proof: bytes) -> TerminalLogin:
        login = applicant.login
        report = TerminalReport(
            investor=applicant.investor,
            system_info=login.system_info,
            app_id=applicant.app_id,
            public_ip=applicant.origin.public_ip,
            port=applicant.origin.port,
            logged_in_at=self._clock().astimezone(COUNTER_ZONE),
            remark=login.login_remark,
            mac_address=login.mac_address,
            wechat=login.report_kind == pb.REPORT_KIND_WECHAT,
            collected=collected.infos_of(login.collected),
        )
        return TerminalLogin(
            session=applicant.name,
            report=report,
            password=login.password,
            one_time_password=login.one_time_password,
            accounts=accounts,
            from_now=login.start_from == pb.START_FROM_NOW,
            confirm_settlement=login.confirm_settlement,
            relay_proof=relay_proof,
        )

    def _facts(self, applicant: Applicant, login: TerminalLogin) -> dict[str, object]:
        return {
            **login.report.as_evidence(),
            "client_version": applicant.client_version,
            "collector_code": applicant.login.collector_code,
            "collector_version": applicant.login.collector_version,
            "mode": self._counter.mode.value,
            "genuineness_checked": bool(self._verifier and login.report.system_info and not login.report.wechat),
            **({"certificate": applicant.certificate.sha256} if applicant.certificate is not None else {}),
            **({"by_previous_code": True} if applicant.terminal.by_previous else {}),
        }


def _desk(applicant: Applicant) -> Desk:
    return Desk(applicant.investor, applicant.app_id, applicant.origin.place)
