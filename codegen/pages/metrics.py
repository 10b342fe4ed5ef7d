"""docs/metrics.md: every metric and every fault, as the relay shows them."""

from __future__ import annotations

from pathlib import Path

from codegen.pages import marked
from relay.faults.table import Fault
from relay.metrics.rows import ROWS

_HEAD = """# Metrics and faults

`metrics.address` opens `/metrics` (Prometheus), `/healthz` (503 where the event loop does not answer, or the relay drains) and `/readyz` (503 with every reason,
as JSON, where no terminal should be sent here; 200 with the faults that stand otherwise). Nothing here names an investor. Beside these there are
`process_…` and `python_info`, which Prometheus' client adds. Rules and a dashboard: [deploy/prometheus](../deploy/prometheus), [deploy/grafana](../deploy/grafana).

## Metrics

| metric | type | by | what it means |
|---|---|---|---|
"""

_FAULTS = """
## Faults

Each is `ctp_relay_fault{{fault="…"}}`, one line `fault_began` and one `fault_ended` in the log, an item in `/readyz`, and, from `alarms.gravity` on, a message to a person.

| fault | 中文 | English | gravity | stops |
|---|---|---|---|---|
{rows}
"""


def files() -> dict[Path, str]:
    """The reference page."""
    rows = [
        f"| `{row.full_name(name)}` | {row.kind} | {', '.join(f'`{label}`' for label in row.labels)} | {row.meaning} |"
        for name, row in ROWS.items()
    ]
    faults = [
        f"| `{fault.word}` | {fault.title[0]} | {fault.title[1]} | {fault.gravity.value} | {fault.stops.value} |"
        for fault in Fault
    ]
    return {Path("docs/metrics.md"): marked(_HEAD + "\n".join(rows) + "\n" + _FAULTS.format(rows="\n".join(faults)))}
