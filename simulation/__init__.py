"""The relay's own code under a clock that jumps: a trading week of many terminals in minutes, from one seed.

Theory of operation
-------------------
A run has one thread, one event loop and no socket. What is real: both modes, the order driver and router, lanes, pacing,
the session machine and its login steps, the streams, sessions, journal and outbox, the order map's file, the ledger's
chain and spool, the shared keys. What is played: the vendor's API and the counter behind it, the terminals, the clock, and
how the database and the disk fail. The threads of the ledger and of the shared orders become steps of the loop.

* `virtual_loop` the loop: time jumps to the next timer where nothing is ready; every callback is a step; it is known which
  process a callback belongs to, so that a process can be killed between any two steps, as `kill -9` does
* `plan`         what happens in a run, made of the seed before it begins: acts with a number and a time. An act brings its
  own dice, so that leaving one out changes no other: that is what makes shrinking work
* `vendor_api`, `seeded_counter`, `matching`  the counter, its flows and its failings, all of them allowed by `docs/ctp-facts.md`
* `storage`      the ledger and the shared orders without threads, on a database that fails as the plan says
* `process`      one relay process: composed, started, killed, drained
* `terminal`     a terminal: logs in, orders, reads, hangs up, comes back; keeps what it saw
* `rules`        what must hold; each is asked where it could be broken, at that very step
* `run`          plays a plan, lets the world come to rest, and asks what must hold then
* `shrink`       leaves acts out of a plan that fails, as long as the same rule is still broken
* `breaks`       protections taken away on purpose, to see that a run finds it

The same seed and the same code give the same steps, on every machine: `Run.fingerprint` is made of all that crossed an
edge. What a run cannot see: threads, gRPC, TLS, the vendor's library, and how long code takes.
"""
