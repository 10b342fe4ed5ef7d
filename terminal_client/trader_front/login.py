"""The words of a login: as which software, with what, and what the program gets as the answer (no I/O)."""

from __future__ import annotations

from ctpabi.api.spi import RawEvent
from terminal_client.collector import Collected
from terminal_client.errors import Refusal
from terminal_client.proof import BadAuthCode, key_of
from terminal_client.secret import Secret
from terminal_client.session import Credentials, SessionInfo
from terminal_client.trader_front import records
from terminal_client.trader_front.answers import ProgramCall
from terminal_client.trader_front.error_ids import (
    AUTHENTICATION_FAILED,
    NOT_AUTHENTICATED,
    error_id_of,
    error_text_of,
)
from terminal_client.trader_front.settings import FrontSettings

_INVESTOR_TERMINAL = "1"
"""THOST_FTDC_APP_TYPE_Investor"""


class TerminalIdentity:
    """As which terminal software the program comes: what the settings say, else what its ReqAuthenticate says."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._app_id = ""
        self._auth_code = Secret("")

    def forget(self) -> None:
        """A new connection knows nothing of the old one."""
        self._app_id, self._auth_code = "", Secret("")

    def authenticated(self, call: ProgramCall) -> RawEvent:
        """OnRspAuthenticate. The relay asks for the proof with the login, so only the form is judged here."""
        values = records.values_of(call.method.struct, call.body)
        app_id = self._settings.app_id or values["AppID"]
        code = self._settings.auth_code or Secret(values.pop("AuthCode"))
        error = (0, records.CORRECT)
        try:
            key_of(code.reveal())
            self._app_id, self._auth_code = app_id, code
        except BadAuthCode:
            error = (AUTHENTICATION_FAILED, "中继：授权码应为16个ASCII字符")
        app_type = "" if error[0] else _INVESTOR_TERMINAL
        return records.made(
            "OnRspAuthenticate", {**values, "AppID": app_id, "AppType": app_type}, call.request_id, error
        )

    def shown(self) -> tuple[str, Secret]:
        """App id and auth code for the login."""
        return self._settings.app_id or self._app_id, self._settings.auth_code or self._auth_code

    def refusal(self) -> Refusal | None:
        """Why there can be no login yet."""
        app_id, code = self.shown()
        if app_id and code:
            return None
        return Refusal("relay", "", "未经认证：请先调用ReqAuthenticate", NOT_AUTHENTICATED)


class LoginAnswer:
    """What answers one ReqUserLogin."""

    def __init__(self, call: ProgramCall) -> None:
        values = records.values_of(call.method.struct, call.body)
        self._who = {"BrokerID": values["BrokerID"], "UserID": values["UserID"]}
        self._request_id = call.request_id

    def succeeded(self, info: SessionInfo) -> RawEvent:
        values = records.login_values(info, self._who["UserID"])
        return records.made("OnRspUserLogin", values, self._request_id)

    def refused(self, refusal: Refusal) -> RawEvent:
        error = error_id_of(refusal), error_text_of(refusal)
        return records.made("OnRspUserLogin", self._who, self._request_id, error)


def credentials_of(call: ProgramCall, collected: Collected, *, live_only: bool) -> Credentials:
    """What the program's ReqUserLogin, or ReqUserLoginWithOTP, says."""
    values = records.values_of(call.method.struct, call.body)
    return Credentials(
        broker_id=values["BrokerID"],
        investor_id=values["UserID"],
        password=Secret(values["Password"]),
        collected=collected,
        mac_address=values["MacAddress"],
        login_remark=values["LoginRemark"],
        one_time_password=Secret(values.get("OTPPassword") or values.get("OneTimePassword") or ""),
        live_only=live_only,
    )
