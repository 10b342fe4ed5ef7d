"""How long the steps of a counter session may take, and how long it pauses between tries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    connect: float = 10.0
    answer: float = 10.0
    pause: float = 5.0
    """after the first refusal or missing answer; doubled with each failure in a row"""
    flap: float = 1.0
    """after the second break in a row; doubled with each failure in a row"""
    longest: float = 60.0
    """no pause grows beyond it"""
    steady: float = 60.0
    """a session that has lived this long is well: its failures are forgotten"""
    stopped: float = 300.0
    """after a refusal that only a person can change"""
    password: float = 30.0
    """how often the file with the operator's password is read while another one is needed"""
