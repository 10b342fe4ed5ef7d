"""Unmodified programs of any language at a relay: `ctp-terminal exec PROGRAM`.

The program's process loads libraries with the vendor's interface (`ctpabi.shim`) before the vendor's. They do not go to a
front: on a socket of this machine they hand each call to this process, which carries it to the relay and brings the
callbacks back.

* `program`        whether a program can be carried, its environment, its life
* `meeting_place`  the socket, which only this user's processes can use
* `instance`       one API instance of the program: frames in, callbacks and states out
* `carrier`        gives each instance its conversation with the relay
"""
