"""The CTP counter: the unmodified openctp-ctp binding behind `relay.counter.port`.

session        one counter session: `domain.counter_session` driven with a real `ctpabi.api.trader`
user_system_info   where the collector's bytes enter the C struct
switchboard    one counter session and the terminals that use it: who gets which event
many_to_many   a session per terminal          (RegisterUserSystemInfo)
many_to_one    one operator session for all    (SubmitUserSystemInfo)
"""
