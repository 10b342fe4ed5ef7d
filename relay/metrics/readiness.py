"""What `/readyz` says: whether a terminal should be sent here, every reason why not, and every fault that stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relay.admission.verifier import Verifier
from relay.counter.port import Counter
from relay.faults.faults import Faults
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal

State = dict[str, object]
_DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Asked on a thread of the HTTP server's, or on the loop's."""

    relay: str
    """its name"""
    faults: Faults
    verifier: Verifier | None
    counter: Counter
    why_not_healthy: Callable[[], str]

    def answer(self) -> State:
        """The state as JSON; `ready` decides the status."""
        keeping, refusal = self.faults.keeping_from_ready(), self._refusal()
        state: State = {"ready": not keeping and refusal is None, "relay": self.relay}
        if refusal is not None:
            state |= _as_json(refusal)
        elif keeping:
            first = keeping[0]
            texts = {"message": " / ".join(first.fault.title), "advice": " / ".join(first.fault.remedy)}
            state |= {"reason": first.fault.word, "code": 0, **texts}
        reasons = [stands.fault.word for stands in keeping]
        if refusal is not None and refusal.reason not in reasons:
            reasons.append(refusal.reason)
        return state | {"reasons": reasons, "faults": [stands.as_json() for stands in self.faults.now()]}

    def _refusal(self) -> Refusal | None:
        """Why no login can succeed now, as a terminal would get it; None where one can."""
        unhealthy = self.why_not_healthy()
        if unhealthy:
            return (
                relay_reasons.relay_draining() if unhealthy == _DRAINING else relay_reasons.relay_stuck(why=unhealthy)
            )
        if self.verifier is not None and self.verifier.state != "ready":
            return relay_reasons.verifier_unavailable()
        return self.counter.why_not_ready


def _as_json(refusal: Refusal) -> State:
    return {"reason": refusal.reason, "code": refusal.code, "message": refusal.message, "advice": refusal.advice}
