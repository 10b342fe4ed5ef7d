"""The CTP counter: the unmodified openctp-ctp binding behind `relay.counter.port`.

* `modes`      many-to-many: a session for each terminal (RegisterUserSystemInfo); many-to-one: one operator's session for
  all (SubmitUserSystemInfo)
* `orders`     what the terminals of one counter session ask: a pure router and its driver
* `session`    one session at the counter: its machine, driven with a real `ctpabi.api.trader`
* `order_map`  whose order is whose, on disk and shared by the firm's processes
* `delivery`   what a terminal gets of the notices, and the day for those who log in late
* `pacing`     when a request may be sent
* `lanes`      a terminal's own references, and those they become
* `queries`    a query that is never answered, and answers that are asked once for all
* `identity`   in whose name a request is sent, and whose an event is
"""
