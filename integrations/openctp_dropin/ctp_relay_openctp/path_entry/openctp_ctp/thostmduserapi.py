"""openctp_ctp.thostmduserapi with a relay behind it: made from the catalog by ctp_relay_openctp."""

from ctp_relay_openctp.modules import contents as _contents
from ctpabi.catalog import Interface as _Interface

globals().update(_contents(_Interface.MARKET_DATA))
