"""What CTP's numbers and requests mean, once for relay and terminal.

* `errors`        one row for every ErrorID: what a login does about it, whom it concerns, its words and an advice
* `return_codes`  one row for every return code of a request and of a terminal's report
* `requests`      one row for every request: which callbacks answer it, and whether it is a query

docs/ctp-facts.md says where each fact is from. The simulated counter keeps tables of its own, so that a test can
compare the two.
"""
