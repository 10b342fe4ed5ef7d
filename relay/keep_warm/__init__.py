"""Made-up orders that keep an order's way through this process in the processor's caches, where the settings ask for them.

A terminal that trades seldom meets code that the processor has forgotten: the same work takes several times as long as in a
loop. So each few milliseconds a made-up terminal sends an order over a connection of its own, and the order runs through the
same code as a real one: socket, TLS, HTTP/2, the terminal service, a session, its link, router, lanes, pacer, a line of an order
map. Its two notices come back through an inbox, the router, the session's journal and outbox, HTTP/2, TLS and the socket.

All objects are its own; what is shared are tables that nothing writes, and the certificate. At the far end stands a counter
session that calls no API. Nothing of it reaches the vendor's library, the ledger, the orders' stream, the order map, the
metrics or a terminal.

* `counter`   the counter session that is none
* `terminal`  the terminal that is none
* `orders`    what lies between the two, and one order through it
* `keeping`   when: while the relay runs, and no real order has just gone the same way
"""
