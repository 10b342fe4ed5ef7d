"""One entry proved by itself: its line, its way through the day's tree, and the signed seal; no other entry is in it.

`verify_proof.py` beside this module checks such a file with plain Python and `cryptography` alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from relay.ledger.chain import Entry
from relay.ledger.export_columns import json_line
from relay.ledger.seal import Seal
from relay.ledger.seal_file import SealMisfit, SealTally

FORMAT = 1


def proof_of(seal: Seal, entries: Iterable[Entry], chain: str, sequence: int) -> dict[str, Any]:
    """The proof of one of the sealed entries; `entries` are all of them. Raises SealMisfit where it is not among them."""
    content = seal.content
    index = 0
    for name, part in sorted(content.parts.items()):
        if name == chain:
            index += sequence - part.before.sequence - 1
            break
        index += content.counts[name]
    tally, found = SealTally(dict(content.parts), content.digest, proved=index), ""
    for entry in entries:
        line = json_line(entry)
        if (entry.chain, entry.sequence) == (chain, sequence):
            found = line
        tally.take(entry, line)
    root, _ = tally.end()
    if not found or root.hex() != content.root:
        raise SealMisfit(f"the entries are not those that {content.kind} {content.name} was sealed with")
    path = [base64.b64encode(step).decode() for step in tally.tree.path]
    return {"ledger_proof": FORMAT, "line": found, "index": index, "path": path, **seal.as_row()}


def proof_text(proof: dict[str, Any]) -> str:
    """As it is written; every character of it can be read aloud."""
    return json.dumps(proof, ensure_ascii=True, indent=2) + "\n"
