"""Which of a login's texts fit into the counter's structs: what does not fit is refused, never cut.

Half a password is another password, and a struct that cannot be packed would only be found with a counter
session already open.
"""

from __future__ import annotations

from ctpabi.catalog import Catalog
from ctpabi.codec import text
from ctprelay.v1 import terminal_pb2 as pb
from relay.refusals import stream_reasons
from relay.refusals.refusal import Refusal

_FIELDS = {
    "investor_id": ("InputOrder", "InvestorID"),
    "password": ("ReqUserLogin", "Password"),
    "one_time_password": ("ReqUserLogin", "OneTimePassword"),
    "mac_address": ("InputOrder", "MacAddress"),
    "login_remark": ("UserSystemInfo", "ClientLoginRemark"),
}
"""member of Login -> the narrowest struct field it goes into"""


def check_fields(catalog: Catalog, login: pb.Login) -> Refusal | None:
    """Refuse a login with a text that CTP cannot carry; the refusal names the member, never its value."""
    for name, (struct, field) in _FIELDS.items():
        most = catalog.structs[struct].field(field).size - 1  # CTP ends every text by a NUL
        try:
            size = len(text.encode(getattr(login, name)))
        except text.UnencodableText as error:
            return stream_reasons.request_malformed(why=f"{name}: {error}")
        if size > most:
            return stream_reasons.request_malformed(why=f"{name} has {size} bytes in GB18030, {most} at most")
    return None
