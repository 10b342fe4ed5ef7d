"""The hand-kept table of binary and secret fields agrees with the catalog."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Catalog, Kind
from ctpabi.catalog.special_fields import BINARY, is_secret


@pytest.mark.parametrize(("struct", "field"), BINARY)
def test_binary_fields_exist(catalog: Catalog, struct: str, field: str) -> None:
    """Each entry names a char[n] of this version and, where it has one, an integer that holds the length."""
    length = BINARY[struct, field]

    assert catalog.structs[struct].field(field).kind is Kind.BYTES
    assert not length or catalog.structs[struct].field(length).kind is Kind.INT


def test_every_length_field_has_its_binary_field(catalog: Catalog) -> None:
    """A new ...Len field in an upgrade means new binary content: decide what it is, then enter it in the table."""
    lengths = {(s.name, f.name) for s in catalog.structs.values() for f in s.fields if f.name.endswith("Len")}

    assert lengths == {(struct, length) for (struct, _), length in BINARY.items() if length}


def test_secrets_are_known_by_name_or_type(catalog: Catalog) -> None:
    """Passwords, auth codes and everything CTP types as a password are secret; what merely tells of them is not."""
    secret = {f.name for s in catalog.structs.values() for f in s.fields if is_secret(f.name, f.type_name)}

    assert secret >= {"Password", "OldPassword", "NewPassword", "AuthCode", "OneTimePassword", "OTPPassword", "Token"}
    assert secret >= {"BankPassWord", "NewBankPassWord", "FutureAccPwd", "PIN", "PinKey", "Captcha", "TradingPassword"}
    assert not secret & {"BrokerID", "AppID", "IsUsingOTP", "BankPwdFlag", "AuthType", "CryptoKeyVersion", "OTPType"}
