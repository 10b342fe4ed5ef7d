"""Every finding of the doctor: its name, gravity, texts and advice in Chinese and English.

A name stays when a text changes: scripts and alarms look for it. Values in braces are filled in by the check.
"""
