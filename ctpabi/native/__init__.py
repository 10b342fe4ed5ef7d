"""The native road: what happens to every event, in C++ beside the Python that does the same.

* `library` the C++ source, the same for every binding; its README says what each file knows
* `plan`    what it is told of a catalog
* `slots`   proves that a binding's Spi has the slots that the catalog says
* `events`  the library with one catalog's plan: encodes its events, makes inboxes for them
* `build`   where the compiled file is, and how it is made

Nothing compiled is committed. Without the file everything works in Python; `ctpabi.api.roads` chooses.
"""

from __future__ import annotations


class NativeUnavailable(RuntimeError):
    """The native library cannot be had here; the message says why, and what would help."""
