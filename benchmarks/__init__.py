"""How fast the relay is, as ratios to the same terminal without a relay, measured side by side in one run.

    python -m benchmarks            (or `make bench`)

* `scene`    simulated counter, both relays and a terminal for each variant, every one a process of its own
* `caller`   one terminal as a process: it places orders, counts events and logs in on command
* `summary`  percentiles, ratios, the table and `results/latest.json`

Everything runs on one machine against the simulated counter: the figures compare variants, they are not a capacity.
"""
