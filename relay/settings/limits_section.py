"""The section `[limits]`: what one terminal, investor or address may do, and how much."""

from __future__ import annotations

from pydantic import Field

from relay.settings.section import Section
from relay.settings.values import Count, Seconds


class Limits(Section):
    """What one terminal, investor or address may do."""

    login_failures_per_investor: Count = Field(
        default=3, description="wrong passwords of one investor from one address in a window, before a lock-out there"
    )
    login_failures_at_counter: Count = Field(
        default=5,
        description="wrong passwords of one investor in a row that may reach the counter (many_to_many), from all addresses"
        " together; the last two only from addresses the investor is known from, and the very last only with the password the"
        " counter took last, where one is known. CTP locks at 6 to 10",
    )
    counter_memory_seconds: Seconds = Field(
        default=86400.0, description="how long the counter is taken to remember a wrong password, in seconds"
    )
    failures_before_slowing_investor: Count = Field(
        default=20,
        description="wrong passwords of one investor from all addresses in a window, before further logins of the investor wait"
        " at addresses it never logged in from",
    )
    failures_before_slowing_app_id: Count = Field(
        default=10,
        description="failed logins of one app id from one address in a window, after the right proof, before further ones wait",
    )
    failures_before_slowing_address: Count = Field(
        default=20,
        description="failed logins from one address in a window, after the right proof, before further ones of investors who"
        " never logged in from it wait; an IPv6 address counts as its /64 network",
    )
    slowest_login_seconds: Seconds = Field(
        default=5.0,
        description="the longest that a slowed login waits behind the one before it, in seconds; the first waits 0.25, each"
        " further failure doubles it",
    )
    window_seconds: Seconds = Field(default=600.0, description="length of the window, in seconds")
    lock_out_seconds: Seconds = Field(default=900.0, description="length of a lock-out, in seconds")
    breaker_pause_seconds: Seconds = Field(
        default=300.0, description="how long no login is tried after the counter refused the relay itself, in seconds"
    )
    orders_per_second: Count = Field(default=50, description="orders and cancels a second for each session")
    queries_per_second: Count = Field(default=5, description="queries a second for each session")
    transfers_per_second: Count = Field(
        default=2,
        description="password changes, transfers between bank and futures account, and questions for the bank's balance"
        " a second for each session",
    )
    others_per_second: Count = Field(
        default=20,
        description="confirmations, parked orders, requests for quotes and offset settings a second for each session",
    )
    orders_waiting: Count = Field(
        default=200, description="orders and cancels of one session that may wait to be sent at a time"
    )
    queries_waiting: Count = Field(default=100, description="queries of one session that may wait to be sent at a time")
    transfers_waiting: Count = Field(default=10, description="the same of what `transfers_per_second` counts")
    others_waiting: Count = Field(default=100, description="the same of what `others_per_second` counts")
    orders_per_day_per_investor: Count = Field(
        default=20000,
        description="orders a trading day of one investor in one counter session; at CTS and UFX, in one relay process",
    )
    orders_per_day: Count = Field(
        default=500000,
        description="orders a trading day of one counter session, in many_to_one of all investors; at CTS and UFX, of all investors"
        " in one relay process, in both modes: the last bound, with an alarm in the log at 80, 90 and 100 percent",
    )
