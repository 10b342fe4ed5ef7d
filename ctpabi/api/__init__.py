"""Loads the vendor's binding and drives its API without crashing the process.

* `binding` imports openctp_ctp safely: locale first, version checked
* `trader`  one instance of the TraderApi: create, call, report, release
* `spi`     what the vendor's threads run: copy the bytes, pass them on, return
* `inbox`   the one crossing from the vendor's threads into the event loop
"""
