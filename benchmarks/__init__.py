"""How fast the relay is, as ratios to the same terminal without a relay, measured side by side in one run.

    make bench                      everything; PART=orders for one part
    make bench-against REV=main     another revision beside this tree

* `stand`, `trees`    one variant: counter, relay and terminal, every one a process; from which source tree
* `counter`, `floor`, `caller`, `busy_terminals`, `fleet`    the processes: a simulated counter, a bare relay, one terminal, several that
  trade, many that are idle
* `orders`, `events`  slices of orders, floods of notices, in turn; `cpu` says what others took of the machine meanwhile
* `order_part`, `busy`, `idle`, `crowd`, `logins`, `market`, `update_gap`    the other parts of `make bench`, as `__main__` lists them
* `against`           two source trees in one run
* `results`, `page`, `charts`    results/latest.json, and what docs/performance.md shows of it
* `scene`             both relays at one counter, for what compares programs with each other: `dropin`, `vnpy_gateway`, `order_trail`

Everything runs on one machine against the simulated counter: the figures compare variants, they are not a capacity.
"""
