"""The vendor's interface, once: what it looks like, its bytes, and how its library is driven.

The bottom of the house: the relay, the terminal client and the simulated counter all stand on it.

* `catalog`   structs, requests, callbacks and enums as data, and how they are read from the installed openctp-ctp
* `codec`     struct bytes <-> Python values <-> protobuf messages, by the catalog
* `api`       loads the binding and drives its API without crashing the process
* `native`    events taken and encoded in C++, beside the Python that does the same
* `facts`     what CTP's numbers and requests mean, and what the collector gathers
* `shim`      drop-in libraries with the vendor's ABI, and how a program gets them
* `generated` what `python -m codegen` writes; nothing in it is edited by hand

Leaves: `locale` finds or builds the zh_CN.GB18030 locale that the binding needs, `cache` is where things built once
are kept, `outside_text` writes characters that are harmful on a screen by their number.
"""
