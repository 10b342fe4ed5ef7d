"""Pictures of every page of the console, of a relay that is at work.

    office     the simulated counter, a relay, a console and terminals that trade: a firm's morning
    morning    what the ledger already has when the relay starts
    browser    Chromium: signs in, opens pages, looks for what is wrong with them, takes pictures

`make console-pictures` writes them all; a test takes each page once and looks for what is wrong.
"""
