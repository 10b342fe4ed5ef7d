"""Which fields are not what their C type says: binary content in char[n], and secrets.

The wheel does not tell; each entry here has a reason. Everything else about fields is introspected.
CTP facts 33 and 75 say which content is binary.
"""

from __future__ import annotations

import re

BINARY: dict[tuple[str, str], str] = {
    # The collector's bytes; NULs inside. CTP_GetSystemInfo returns the length.
    ("UserSystemInfo", "ClientSystemInfo"): "ClientSystemInfoLen",
    ("WechatUserSystemInfo", "WechatCltSysInfo"): "WechatCltSysInfoLen",
    # A picture.
    ("RspGenUserCaptcha", "CaptchaInfo"): "CaptchaInfoLen",
    # Key exchange of the API itself.
    ("ReqVerifyApiKey", "ApiHandshakeData"): "ApiHandshakeDataLen",
    ("RspApiHandshake", "FrontHandshakeData"): "FrontHandshakeDataLen",
    # Chunks of a text, cut at 500 bytes wherever that falls: join the chunks first, then decode. They have no length
    # field; each ends at the first NUL.
    ("SettlementInfo", "Content"): "",
    ("Notice", "Content"): "",
}
"""(struct, field) -> the field that holds the length in bytes, or empty for content that ends at the first NUL"""

_SECRET_TYPES = frozenset(
    {"Password", "PasswordKey", "AuthCode", "AuthInfo", "AuthKey", "CFMMCKey", "CFMMCToken", "FutureAccPwd"},
)
_SECRET_NAME = re.compile(r"Pass[Ww]ord$|^AuthCode$")


def is_secret(field_name: str, type_name: str) -> bool:
    """Whether a field's content must never be shown: passwords, PINs, auth codes, tokens, keys.

    `type_name` is CTP's typedef without TThostFtdc…Type; CTP types captchas and text codes as Password, rightly.
    """
    return type_name in _SECRET_TYPES or _SECRET_NAME.search(field_name) is not None
