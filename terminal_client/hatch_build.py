"""What the terminal's distribution holds: this package, and what lies beside it in the repository.

hatchling runs it; it is in no wheel. An editable install packs nothing: it finds the packages where they are. In a source archive
everything lies in the archive's own folder, and PKG-INFO, which only an archive has, says so. With CTP_RELAY_NATIVE set, the wheel
carries the compiled native library.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ONLY_TO_BUILD = {"__pycache__", "hatch_build.py", "pyproject.toml", "PACKAGE.md"}
LICENSES = ("LICENSE", "NOTICE")


class Contents(BuildHookInterface[Any]):
    """Source and place in the wheel, or in the source archive, of everything that is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before it is written; `version` is hatchling's word for the kind of build."""
        if version == "editable":
            return
        if self.target_name == "wheel" and os.environ.get("CTP_RELAY_NATIVE"):
            self._carry_native_library(build_data)
        if Path(self.root, "PKG-INFO").is_file():
            build_data["force_include"] |= {name: name for name in ("terminal_client", "ctpabi", "ctprelay")}
            return
        package = {name.name for name in Path(self.root).iterdir()} - ONLY_TO_BUILD
        licenses = f"ctp_relay_terminal-{self.metadata.version}.dist-info/licenses/"
        where = licenses if self.target_name == "wheel" else ""
        build_data["force_include"] |= {
            **{name: f"terminal_client/{name}" for name in package},
            "../ctpabi": "ctpabi",
            "../proto/ctprelay": "ctprelay",
            **{f"../{name}": f"{where}{name}" for name in LICENSES},
        }

    def _carry_native_library(self, build_data: dict[str, Any]) -> None:
        """The wheel is for this machine's kind then, and for every Python from 3.11 on. Compiled beside: g++ and Python's headers are needed."""
        beside = next(place for place in (Path(self.root), Path(self.root).parent) if (place / "ctpabi").is_dir())
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        command = [sys.executable, "-m", "ctpabi.native.build", folder]
        subprocess.run(command, cwd=beside, check=True, stdout=subprocess.DEVNULL)
        build_data["force_include"][folder] = "ctpabi/native/compiled"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_')}"
