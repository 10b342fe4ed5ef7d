"""`python -m ctp_relay_openctp program.py …`: the program, unmodified, with this package's openctp_ctp.

    python -m ctp_relay_openctp program.py ARGUMENTS     a file
    python -m ctp_relay_openctp -m module ARGUMENTS      a module, or -c CODE, as python itself takes them
    python -m ctp_relay_openctp --path                   the folder, to be put before others: PYTHONPATH, sys.path, a .pth file

The program gets this process: its id, its terminal, its exit status. Its children find the same openctp_ctp.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from ctp_relay_openctp.installed import PATH_ENTRY

_MISUSE = 2
_USAGE = """用法：原样运行为 openctp-ctp 写的程序，openctp_ctp 换成本包的。
Usage: run a program written for openctp-ctp as it is, with this package's openctp_ctp.

  python -m ctp_relay_openctp program.py ...   文件 a file
  python -m ctp_relay_openctp -m module ...    模块，或 -c 代码，与 python 相同 a module, or -c CODE, as python itself
  python -m ctp_relay_openctp --path           目录，放在 PYTHONPATH 等的最前面 the folder, to be put before others

中继的地址和终端的设置在 CTP_RELAY_TERMINAL 指出的文件里。
The relay's address and the terminal's settings are in the file that CTP_RELAY_TERMINAL names.
"""


def environment_with_path(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a program that finds this package's openctp_ctp before the installed one."""
    path = os.pathsep.join(filter(None, [str(PATH_ENTRY), environment.get("PYTHONPATH", "")]))
    return {**environment, "PYTHONPATH": path}


def main(arguments: list[str]) -> int:
    """Become the program; the exit status where there is none to become."""
    if arguments == ["--path"]:
        sys.stdout.write(f"{PATH_ENTRY}\n")
        return 0
    if not arguments or arguments[0] in {"-h", "--help"}:
        (sys.stdout if arguments else sys.stderr).write(_USAGE)
        return 0 if arguments else _MISUSE
    command = [sys.executable, *arguments]
    environment = environment_with_path(os.environ)
    if os.name == "posix":
        os.execve(sys.executable, command, environment)  # noqa: S606 — no shell is wanted
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
