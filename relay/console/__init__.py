"""The web console: pages on which a firm's operations people watch the relays and steer them.

A process of its own (`ctp-relay console`). It reads the database, asks running relays over AdminService, and does what an
operator asks for through `relay.admin`, which decides roles again and writes the ledger's entry.

    routes        every page: path, needed role, place in the menu
    application   the app: sign-in and role are asked for before a page's function is called
    visit         what one request knows: account, language, theme, token, relays
    pages/        the functions of the pages
    words/        every sentence a person reads, in Chinese and English
    live          one poller for each relay; streams of its answers to browsers
"""
