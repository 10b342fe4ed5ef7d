"""What a terminal's collectors gave, beside CTP's system info: which may come, how it must look, and what is refused.

Pure. The shape is looked at before the proof, as every text of a login is; what the counter wants, afterwards. A kind that
the counter does not want is refused: the relay takes no more of a machine than is needed. What a collector wrote is sealed,
so its age is known of CTP's alone; a second use is found of every kind whose collector never gives the same twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import CTP, CollectedInfo, WantedInfo
from relay.outside_text import is_plain
from relay.refusals import login_reasons, stream_reasons
from relay.refusals.refusal import Refusal

MOST_KINDS = 8
MOST_BYTES = 2048
MOST_COMPLETENESS = 256
_MOST_VERSION = 128
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}(:[!-~]{1,32})?")
_PRINTABLE = re.compile(rb"[ -~]*")
ANY_KIND = "*"
"""of `require_clean`: every kind"""


def check_shape(items: Sequence[pb.CollectedInfo]) -> Refusal | None:
    """Refuse what no terminal of any counter sends."""
    if len(items) > MOST_KINDS:
        return _malformed(f"collected has {len(items)} items, {MOST_KINDS} at most")
    kinds = [item.kind for item in items]
    if len(set(kinds)) < len(kinds):
        return _malformed("collected has two items of one kind")
    return next((refusal for item in items if (refusal := _check_item(item)) is not None), None)


def _check_item(item: pb.CollectedInfo) -> Refusal | None:
    version = item.collector_version
    if not _KIND.fullmatch(item.kind):
        return _malformed("collected has a kind that is none: hundsun, cts:VENDOR")
    if item.kind == CTP:
        return _malformed("collected has an item of kind ctp, which is sent as system_info")
    if len(item.info) > MOST_BYTES or len(item.completeness) > MOST_COMPLETENESS:
        return _malformed(
            f"collected has an item of more than {MOST_BYTES} bytes, or {MOST_COMPLETENESS} of completeness"
        )
    if len(version.encode()) > _MOST_VERSION or not is_plain(version):
        return _malformed(
            f"collected has a collector_version that is not printable, or longer than {_MOST_VERSION} bytes"
        )
    return None


def infos_of(items: Iterable[pb.CollectedInfo]) -> tuple[CollectedInfo, ...]:
    """As the port has them."""
    return tuple(
        CollectedInfo(
            kind=item.kind,
            info=item.info,
            length=item.length,
            return_code=item.return_code,
            completeness=item.completeness,
            collector_version=item.collector_version,
        )
        for item in items
    )


def check_collected(
    login: pb.Login, wanted: Sequence[WantedInfo], require_clean: frozenset[str] = frozenset()
) -> Refusal | None:
    """Refuse what this counter does not want, what it wants and is not there, and what cannot be the collector's.

    CTP's system info is looked at where it is verified (`admission.system_info`); here it counts as one that is there.
    """
    sent = infos_of(login.collected)
    missing = _missing(wanted, {one.kind for one in sent} | ({CTP} if login.system_info else set()))
    if missing is not None:
        return login_reasons.collected_info_missing(kind=missing)
    codes = {one.kind: one.return_code for one in sent} | ({CTP: login.collector_code} if login.system_info else {})
    for kind, code in codes.items():
        if code and not require_clean.isdisjoint({kind, ANY_KIND}):
            return login_reasons.collector_not_clean(kind=kind, number=code)
    return next((refusal for one in sent if (refusal := _check_wanted(one, wanted)) is not None), None)


def never_twice(items: Iterable[CollectedInfo], wanted: Sequence[WantedInfo]) -> tuple[CollectedInfo, ...]:
    """Those whose collector never gives the same twice."""
    return tuple(one for one in items if any(want.differs and want.is_of(one.kind) for want in wanted))


def _missing(wanted: Sequence[WantedInfo], kinds: set[str]) -> str | None:
    """The first kind that must be there and is not; CTP's has a refusal of its own, for its length."""
    required = (want for want in wanted if want.required and want.kind != CTP)
    return next((want.kind for want in required if not any(map(want.is_of, kinds))), None)


def _check_wanted(one: CollectedInfo, wanted: Sequence[WantedInfo]) -> Refusal | None:
    want = next((want for want in wanted if want.is_of(one.kind)), None)
    if want is None:
        return login_reasons.collected_info_not_wanted(kind=one.kind)
    size = len(one.info)
    if size != one.length or not want.shortest <= size <= want.longest:
        return login_reasons.collected_info_length(
            kind=one.kind, received=size, stated=one.length, shortest=want.shortest, longest=want.longest
        )
    if want.is_text and not (_PRINTABLE.fullmatch(one.info) and _PRINTABLE.fullmatch(one.completeness)):
        return login_reasons.collected_info_not_text(kind=one.kind)
    return None


def _malformed(why: str) -> Refusal:
    return stream_reasons.request_malformed(why=why)
