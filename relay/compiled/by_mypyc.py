"""One compilation: `python -m relay.compiled.by_mypyc FOLDER`, in a folder with a copy of the sources, and with that copy's modules.

`relay.compiled.build` starts it. mypyc and setuptools are imported here alone: a relay that serves needs neither.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from relay.compiled.parts import GROUP, compiled_modules

_MYPY = """[mypy]
follow_imports = silent
ignore_missing_imports = true
namespace_packages = true
explicit_package_bases = true
cache_dir = made/types
"""


def main() -> None:
    """Write the extension modules of the compiled modules into a folder, in the places of their packages."""
    (folder,) = sys.argv[1:]
    Path("mypy.ini").write_text(_MYPY, encoding="utf-8")
    files = [f"{name.replace('.', '/')}.py" for name in sorted(compiled_modules())]
    mypyc, setuptools = import_module("mypyc.build"), import_module("setuptools")
    extensions = mypyc.mypycify(
        ["--config-file=mypy.ini", *files],
        opt_level="2",
        debug_level="0",
        target_dir="made/c",
        group_name=GROUP,
        multi_file=True,
    )
    for extension in extensions:
        # Another compiler has other warnings.
        extension.extra_compile_args = [one for one in extension.extra_compile_args if one != "-Werror"]
    where = ["--build-lib", folder, "--build-temp", "made/objects"]
    setuptools.setup(
        name=GROUP, packages=[], py_modules=[], ext_modules=extensions, script_args=["--quiet", "build_ext", *where]
    )


if __name__ == "__main__":
    main()
