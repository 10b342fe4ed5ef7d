"""Documented demonstration accounts: made-up names and passwords, good for nothing but the simulated counter."""

from __future__ import annotations

from simcounter.accounts import App, AppType, Role, User

BROKER_ID = "9999"

DIRECT_APP_ID = "demo_direct_1.0"
INVESTOR_RELAY_APP_ID = "demo_relay_1.0"
OPERATOR_RELAY_APP_ID = "demo_relayb_1.0"

AUTH_CODES = {
    DIRECT_APP_ID: "DEMODIRECT000001",
    INVESTOR_RELAY_APP_ID: "DEMORELAY0000002",
    OPERATOR_RELAY_APP_ID: "DEMORELAYB000003",
}
"""16 characters each"""

SIMNOW_APP_ID = "simnow_client_test"
SIMNOW_AUTH_CODE = "0" * 16
"""what SimNow, SHFE's public practice system, gives to everybody, so that public programs carry it; no secret"""

OPERATOR_ID = "op0001"
FIRST_INVESTOR = 100001
INVESTORS = 5
YESTERDAY = (("rb2701", "0", 10), ("m2701", "1", 5))
"""positions of yesterday: ten lots of steel bought, five of soybean meal sold"""


def investor_ids(count: int = INVESTORS) -> list[str]:
    """100001, 100002, …"""
    return [str(FIRST_INVESTOR + number) for number in range(count)]


def password_of(user_id: str) -> str:
    """The demonstration password of a demonstration user."""
    return f"demo-{user_id}"


def apps() -> list[App]:
    types = {
        DIRECT_APP_ID: AppType.DIRECT,
        INVESTOR_RELAY_APP_ID: AppType.INVESTOR_RELAY,
        OPERATOR_RELAY_APP_ID: AppType.OPERATOR_RELAY,
    }
    own = [App(app_id, app_type, AUTH_CODES[app_id]) for app_id, app_type in types.items()]
    return [*own, App(SIMNOW_APP_ID, AppType.DIRECT, SIMNOW_AUTH_CODE)]


def users(count: int = INVESTORS) -> list[User]:
    """`count` investors and the operator of their organization; the second investor holds positions of yesterday."""
    investors = [User(name, password_of(name), name=f"演示客户{name}") for name in investor_ids(count)]
    if count > 1:
        investors[1].positions = YESTERDAY
    operator = User(OPERATOR_ID, password_of(OPERATOR_ID), Role.OPERATOR, name="演示操作员")
    return [*investors, operator]
