"""The CTP counter: the unmodified openctp-ctp binding behind `relay.counter.port`.

many_to_many   a session per terminal          (RegisterUserSystemInfo)
many_to_one    one operator session for all    (SubmitUserSystemInfo)
orders         what the terminals of one counter session ask: a pure router and its driver
connection     opens counter sessions
session        one counter session: `domain.counter_session` driven with a real `ctpabi.api.trader`
user_system_info   where the collector's bytes enter the C struct
"""
