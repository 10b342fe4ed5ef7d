"""Loads the vendor's binding and drives its API without crashing the process.

* `binding`  imports openctp_ctp safely: locale first, version checked
* `chosen_library` a file in the place of the vendor's library: examined, rehearsed in a process of its own
                   (`library_rehearsal`), loaded before the binding, and verified
* `loaded_library` which file the calls really go to, with its version and SHA-256
* `instance` what every instance needs so that it does not end the process: four rules, and the class that keeps them
* `trader`   the TraderApi: connect, call, report
* `market`   the MdApi: connect, log in, subscribe
* `spi`      what the vendor's threads run: copy the bytes, pass them on, return
* `inbox`    the one crossing from the vendor's threads into the event loop
* `native_inbox` the same crossing in C++: its Spi copies without the interpreter's lock; `roads` chooses between the two
"""
