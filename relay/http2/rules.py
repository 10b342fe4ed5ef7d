"""The h2 library as the relay uses it: what it allows a terminal, and how much it remembers."""

from __future__ import annotations

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

_METADATA_BYTES: Final = 8 * 1024
_LARGEST_TABLE: Final = 4096
"""bytes of headers that are remembered for a terminal, whatever it offers to remember"""
_CONFIGURATION: Final = H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False)


class _Rules(H2Connection):
    MAX_CLOSED_STREAMS = 256
    """of which it knows how they ended; h2's own 65,536 are some megabytes of a connection that lives long"""


def new_h2(streams: int) -> H2Connection:
    """A relay's end with its first word ready; `streams` may be open at a time."""
    h2 = _Rules(_CONFIGURATION)
    h2.local_settings = Settings(
        client=False,
        initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: streams,
            SettingCodes.MAX_HEADER_LIST_SIZE: _METADATA_BYTES,
        },
    )
    h2.decoder.max_header_list_size = _METADATA_BYTES
    h2.initiate_connection()
    return h2


def keep_table_small(h2: H2Connection) -> None:
    """To be called when the terminal has changed its settings: it may ask for a table of 4 GiB on both sides."""
    h2.encoder.header_table_size = min(h2.encoder.header_table_size, _LARGEST_TABLE)
