"""Whether a terminal of any maker keeps to the conversation: `ctp-terminal check` plays a relay for it.

`findings` names what is looked at; `rules` judges one message; `lesson` leads through the conversation and judges what happens
between messages, `answers` is what it says and `steps` what its steps are called; `line` is the network that breaks; `server` puts them
behind TLS; `handed_out` has what the terminal's user types in. Nothing of a relay is behind it: no counter, no investor, no order.
"""
