"""Drop-in libraries with the vendor's ABI, for one binding, and how a program gets them instead of the vendor's.

* `library`     the C++ source; its README says what each file knows
* `abi_headers` generates what differs between bindings: classes, structs, dispatch
* `build`       introspects, generates, compiles, probes, and keeps the result in the user's cache
* `for_relay`   the pair of libraries on the way to a relay, for every program of one CTP
* `wire`        the frames between library and what is behind it
* `probe`       proves that the binding uses the vtable slots that the catalog says
* `programs`    which Python runs a program and which binding it has: what the libraries are built for
* `substitute`  the environment in which a process loads them in the vendor's place

Nothing compiled is committed.
"""
