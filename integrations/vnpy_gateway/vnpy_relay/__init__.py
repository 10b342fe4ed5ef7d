"""A gateway of vn.py (VeighNa) that trades through a relay.

* `settings` what a user fills in before connecting
* `names`    what orders and trades are called

Imports the terminal's client, never the relay.
"""
