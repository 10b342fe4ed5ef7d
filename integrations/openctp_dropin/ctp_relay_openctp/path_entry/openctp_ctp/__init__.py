"""openctp_ctp with a relay behind it: see ctp_relay_openctp."""

import importlib

from ctp_relay_openctp.modules import AUTHOR, version

__author__, __version__ = AUTHOR, version()
mdapi = importlib.import_module("openctp_ctp.thostmduserapi")
tdapi = importlib.import_module("openctp_ctp.thosttraderapi")
__all__ = ["__author__", "__version__", "mdapi", "tdapi"]
del importlib, version, AUTHOR
