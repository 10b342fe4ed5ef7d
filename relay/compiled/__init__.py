"""The relay's order path as machine code, made by mypyc from the very modules that Python runs.

Theory of operation
-------------------
mypyc, which is part of mypy, turns typed modules into an extension of CPython. Nothing is written twice: where there are no compiled parts,
or they are switched off, the same modules run in Python, and terminals get the same bytes.

* `parts`     which modules these are, and the key of their source
* `build`     makes them, once for each source and each Python, and says where they are
* `folder`    whether they are whole, who uses them, and when they go
* `by_mypyc`  one compilation, in a process of its own
* `choice`    takes them or leaves them, before the first of these modules is imported

What holds. The key covers every source file of the relay's packages, because mypyc writes constants of other modules into what it makes: parts
of another source are never taken. All modules of the parts come from one file, so that either all are compiled or none is. What others
could have written is not loaded, nor what is not whole. A compiled class checks the types that its source says: a fault of ours shows as a TypeError there.
"""

from __future__ import annotations
