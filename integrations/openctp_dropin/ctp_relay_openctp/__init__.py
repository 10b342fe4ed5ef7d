"""`openctp_ctp` with a relay behind it: programs written for that package log in at a relay, unmodified.

    python -m ctp_relay_openctp program.py

runs a program with this package in the place of openctp_ctp. `path_entry` is the folder that does it: a program that finds
it first on its path imports the modules of `path_entry/openctp_ctp`, which hold what is made here. A front that is
`relay://host:port` is a relay's; any other is the installed openctp-ctp's.

* `structs`   the 502 field classes, with the binding's own behaviour where values are set and read
* `methods`   the classes of API and Spi, made from the catalog
* `trader`, `market`   what stands behind the two APIs' methods, with a relay's front
* `installed` the installed openctp-ctp, for fronts that are no relay's
* `callbacks` a callback's bytes as the Spi's objects, and what becomes of what it raises
* `modules`   what `openctp_ctp.thosttraderapi` and `openctp_ctp.thostmduserapi` consist of
"""
