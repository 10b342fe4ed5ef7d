"""The CTP counter: the unmodified openctp-ctp binding behind `relay.counter.port`.

api            one instance of the vendor's TraderApi: create, call, report, release
spi            what the vendor's thread runs: copy the bytes, put them in the inbox, return
session        one counter session: `domain.counter_session` driven with a real api
user_system_info   where the collector's bytes enter the C struct
switchboard    one counter session and the terminals that use it: who gets which event
many_to_many   a session per terminal          (RegisterUserSystemInfo)
many_to_one    one operator session for all    (SubmitUserSystemInfo)
"""
