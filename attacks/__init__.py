"""Attacks on a real relay, and what honest terminals notice of each: `make attack`.

    python -m attacks --help

* `catalog`                                 the attacks by name, with what each needs
* `on_connections`, `on_http2`, `on_logins` what needs no secret; `insiders`: what needs an auth code or an account
* `aim`, `wire`                             what an attack is given, and HTTP/2 without manners
* `attacker`                                one attack as a process of its own
* `newcomers`                               honest terminals that log in, as a process of its own
* `scene`, `trial`                          counter, relay and honest terminals; quiet, attack and afterwards, measured
* `verdicts`, `report`                      the limits; the table, `benchmarks/results/attack.json`, docs/security.md

Attackers run at the lowest priority: over a real network they would not use the relay's processor.
"""
