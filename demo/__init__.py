"""The demonstration: a terminal's system info travels from the vendor's collector into the counter's daily report.

* `cast`         the two modes: who logs in with which app id, and what makes the mode different
* `certificates` the internal authority and the relay's certificate, made anew for every run
* `relay_site`   one relay's folder: settings, secret files, and the real `ctp-relay` commands run in it
* `relay_run`    the relay as a process: started under the simulated library, ended with SIGTERM
* `errand`       what the terminal does after its login: one order that fills, and what it cost
* `evidence`     what the counter's terminal store, the day's report and the relay's ledger hold
* `outcome`      the facts of one mode, and whether they are what they must be
* `story`        what is printed: numbered steps for people, nothing for programs
* `performance`  one mode from the first command to the verified ledger
* `__main__`     `python -m demo`

It may import everything; nothing imports it.
"""
