"""Hundsun's T2SDK by ctypes: its objects, packs, connection and topics, and the one crossing from its threads into the loop.

* `beside`      loads a library together with what lies beside it
* `vtable`      one object of the library: methods by their slots, and who holds it
* `library`     the file: loaded, proved by a pack that is written and read back, or refused in words
* `packs`       tables of named texts <-> the content of a message
* `callbacks`   objects of ours that the library calls, on its threads
* `connection`  one connection: registered, calling, subscribed, closed
"""
