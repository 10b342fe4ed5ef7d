"""Refusals: what the relay says when it does not do what a terminal asked, whose decision it was, and what to do.

* `refusal`         the value `Refusal`, and `Refused`, the one exception that carries it
* `reason`          what a row of the table holds, and how a row makes a Refusal
* `login_reasons`   the terminal, the investor or the system info is not accepted
* `call_reasons`    one call is not sent, and the session goes on
* `stream_reasons`  the terminal said something that the conversation does not allow
* `relay_reasons`   the relay, or the counter behind it, cannot serve at the moment
* `counter_reasons` the counter refused: made of CTP's numbers with the words of `ctpabi.facts`
* `login_advice`    what a terminal is advised whose login succeeded
* `general_titles` what a reason is called without the names and numbers of one refusal
* `all_reasons`     all rows together; docs/refusals.md is made from it

The text of a refusal is changed in its row and nowhere else.
"""
