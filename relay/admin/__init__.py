"""What an operator of the relay may do. Each change leaves one entry in the ledger, with the person who made it.

Command line and control socket call these; a console and an admin API will call the same. A door makes a `Person` from
what the kernel says of the caller, and decides nothing else.
"""
