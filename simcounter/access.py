"""Authentication, login, logout and passwords: in which order they are allowed, and which ErrorID says so."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable

from simcounter.accounts import Accounts, App, User
from simcounter.config import CounterConfig
from simcounter.errors_text import ErrorId
from simcounter.events import Disconnect, Effect, ReplayTopics, StateChanged
from simcounter.permissions import login_report
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Values

SessionCount = Callable[[str], int]
"""how many sessions of a user are logged in now"""


class Access:
    """The requests about sessions and passwords."""

    def __init__(
        self, config: CounterConfig, accounts: Accounts, records: Records, clock: Clock, sessions_of: SessionCount
    ) -> None:
        self._config = config
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._sessions_of = sessions_of
        self.sessions_per_user = config.sessions_per_user
        self._failures: Counter[tuple[str, str]] = Counter()
        self.trading_day = config.trading_day or clock().strftime("%Y%m%d")
        self.initialized = True
        """False: logins get 7, as before the counter is initialized for the day"""
        self.logins: Counter[str] = Counter()
        """successful logins by user, for the day"""

    def handlers(self) -> dict[str, Handler]:
        return {
            "ReqAuthenticate": self.authenticate,
            "ReqUserLogin": self.log_in,
            "ReqUserLoginWithCaptcha": self.log_in,
            "ReqUserLoginWithText": self.log_in,
            "ReqUserLoginWithOTP": self.log_in,
            "ReqUserLogout": self.log_out,
            "ReqUserPasswordUpdate": self.change_password,
        }

    def authenticate(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqAuthenticate: 63, 4042 or 4043, or the app type that the relay must check."""
        app = self._accounts.apps.get(values["AppID"])
        error_id = self._authentication_error(app, session, values)
        session.app = None if error_id else app
        session.login_failed = False
        answer = {**values, "AppType": app.app_type.value if app is not None and not error_id else ""}
        return [
            StateChanged(session.session_id),
            self._records.answer(session, "OnRspAuthenticate", answer, request_id, error_id),
        ]

    def _authentication_error(self, app: App | None, session: Session, values: Values) -> int:
        if app is None or values["BrokerID"] != self._accounts.broker_id:
            return ErrorId.AUTH_FAILED
        if not hmac.compare_digest(app.auth_code.encode(), values["AuthCode"].encode()):
            return ErrorId.AUTH_FAILED
        if app.addresses and session.peer_ip not in app.addresses:
            return ErrorId.AUTH_IP_CHECK
        if app.users and values["UserID"] not in app.users:
            return ErrorId.AUTH_USER_CHECK
        return ErrorId.NONE

    def log_in(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqUserLogin; the front swallows a second one, so it has no answer at all."""
        if session.user is not None:
            return []
        user = self._accounts.users.get(values["UserID"])
        error_id = self._login_error(user, session, values)
        if error_id or user is None:
            session.login_failed = True
            answer = {"BrokerID": values["BrokerID"], "UserID": values["UserID"]}
            return [self._records.answer(session, "OnRspUserLogin", answer, request_id, error_id)]
        return self._logged_in(session, user, values, request_id)

    def _login_error(self, user: User | None, session: Session, values: Values) -> int:
        guesses = (values["UserID"], session.peer_ip)
        if session.app is None and self._config.authentication_required:
            return ErrorId.NOT_AUTHENT
        if not self.initialized:
            return ErrorId.NOT_INITED
        if self._failures[guesses] >= self._config.max_login_failures:
            return ErrorId.LOGIN_FORBIDDEN
        if user is None or values["BrokerID"] != self._accounts.broker_id or not _same(user, values["Password"]):
            self._failures[guesses] += 1
            return ErrorId.INVALID_LOGIN
        del self._failures[guesses]
        return self._account_error(user, session)

    def _account_error(self, user: User, session: Session) -> int:
        if user.locked:
            return ErrorId.USER_NOT_ACTIVE
        if self._sessions_of(user.user_id) >= self.sessions_per_user:
            return ErrorId.SESSION_EXCEED_LIMIT
        session.password_due = user if user.password_due else None
        return user.password_due

    def _logged_in(self, session: Session, user: User, values: Values, request_id: int) -> list[Effect]:
        now = self._clock()
        session.user = user
        session.reads_for = user.user_id
        session.logged_in_at = now
        session.product_info = values.get("UserProductInfo", "")
        session.login_remark = values.get("LoginRemark", "")
        self.logins[user.user_id] += 1
        return [
            login_report(session, self._accounts.broker_id, self.trading_day),
            StateChanged(session.session_id),
            self._records.answer(session, "OnRspUserLogin", self._login_values(session, user), request_id),
            ReplayTopics(session.session_id),
        ]

    def _login_values(self, session: Session, user: User) -> Values:
        clock_time = self._clock().strftime("%H:%M:%S")
        exchange_times = ("SHFETime", "DCETime", "CZCETime", "FFEXTime", "INETime", "GFEXTime")
        return {
            "TradingDay": self.trading_day,
            "LoginTime": clock_time,
            "BrokerID": self._accounts.broker_id,
            "UserID": user.user_id,
            "SystemName": "SimulatedCounter",
            "FrontID": session.front_id,
            "SessionID": session.session_id,
            "MaxOrderRef": "0",
            "SysVersion": "simulated",
            **dict.fromkeys(exchange_times, clock_time),
        }

    def log_out(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqUserLogout: the answer, and then the connection is cut, as CTP does."""
        error_id = ErrorId.NONE if session.user is not None else ErrorId.NOT_LOGIN_YET
        answer = self._records.answer(session, "OnRspUserLogout", values, request_id, error_id)
        if error_id:
            return [answer]
        session.user = None
        return [answer, Disconnect(session.session_id)]

    def change_password(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqUserPasswordUpdate: after login, or after a login refused with 131, 140 or 141."""
        error_id = self._password_error(session.user or session.password_due, values)
        if not error_id:
            self._accounts.users[values["UserID"]].change_password(values["NewPassword"])
            session.password_due = None
        echo = {"BrokerID": values["BrokerID"], "UserID": values["UserID"]}
        return [self._records.answer(session, "OnRspUserPasswordUpdate", echo, request_id, error_id)]

    def _password_error(self, user: User | None, values: Values) -> int:
        if user is None:
            return ErrorId.NOT_LOGIN_YET
        if values["UserID"] != user.user_id:
            return ErrorId.CHANGE_OTHER_PASSWORD
        if not _same(user, values["OldPassword"]):
            return ErrorId.OLD_PASSWORD_MISMATCH
        if values["NewPassword"] == values["OldPassword"]:
            return ErrorId.PASSWORD_MUST_DIFFER
        return ErrorId.WEAK_PASSWORD if len(values["NewPassword"]) < 6 else ErrorId.NONE


def _same(user: User, password: str) -> bool:
    return hmac.compare_digest(user.password.encode(), password.encode())
