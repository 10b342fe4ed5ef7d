"""The command that runs an unmodified CTP program at the relay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ctpabi import locale
from ctpabi.locale import LocaleMissing
from ctpabi.shim.build import BuildFailed, CompilerMissing
from ctpabi.shim.for_relay import (
    LibrariesOfAnother,
    are_compiled,
    compile_into,
    libraries_for_relay,
    libraries_in,
)
from terminal_client.cli.options import Options, OptionsInvalid
from terminal_client.cli.output import Output, reporting
from terminal_client.cli.session import options_of
from terminal_client.exec.carrier import carrier
from terminal_client.exec.fronts import Fronts
from terminal_client.exec.program import NotCarried, environment_of, find_program, run_to_its_end
from terminal_client.proof import BadAuthCode, key_of
from terminal_client.secret import Secret
from terminal_client.trader_front import FrontSettings

_CANNOT_START = 127
_REFUSALS = (BuildFailed, CompilerMissing, LibrariesOfAnother, FileNotFoundError, NotCarried, PermissionError)


def execute(
    context: typer.Context,
    program: Annotated[
        list[str] | None, typer.Argument(help="在 -- 之后：程序和它的参数 After --: the program and its arguments")
    ] = None,
    libraries: Annotated[
        Path | None,
        typer.Option(
            envvar="CTP_TERMINAL_LIBRARIES", help="A folder that --build-into made, in place of compiling here."
        ),
    ] = None,
    build_into: Annotated[
        Path | None,
        typer.Option(help="Compile the libraries into this folder, to be carried to other machines; no program."),
    ] = None,
) -> None:
    """运行: run an unmodified CTP program (C++, C#, Java, vnpy_ctp …) at the relay, whatever front it registers."""
    options = options_of(context)
    output = Output(as_json=options.as_json)
    with reporting():
        settings = front_settings(options)
        if (build_into is None) == (not program):
            raise OptionsInvalid("give a program, or --build-into alone: ctp-terminal exec -- PROGRAM")
    try:
        if build_into is not None:
            compile_into(build_into)
            output.text(
                f"转接库已在 {build_into}，用法 The libraries are in {build_into}; to use them: --libraries {build_into}"
            )
            return
        status = _run(program or [], settings, libraries, output)
    except _REFUSALS as error:
        output.warning(f"ctp-terminal exec: {error}")
        raise typer.Exit(_CANNOT_START) from error
    raise typer.Exit(status)


def _run(program: list[str], settings: FrontSettings, carried: Path | None, output: Output) -> int:
    find_program(program[0], os.environ.get("PATH", ""))
    if carried is None and not are_compiled():
        output.warning("编译转接库，仅此一次，约二十秒 Compiling the libraries, once, in some twenty seconds")
    libraries = libraries_for_relay() if carried is None else libraries_in(carried)
    _make_locale_ready(output)
    with carrier(Fronts(settings).open_front) as socket:
        return run_to_its_end(program, environment_of(os.environ, libraries, socket))


def front_settings(options: Options) -> FrontSettings:
    """What the fronts of a program are made with. OptionsInvalid names what cannot be used."""
    collector = Path(options.library).expanduser() if options.library else None
    if collector is not None and not collector.is_file():
        raise OptionsInvalid(f"library: there is no collector at {collector}")
    return FrontSettings(
        front=f"relay://{options.relay}" if options.relay else "",
        app_id=options.app_id,
        auth_code=_auth_code(options),
        tls=options.tls(),
        collector=collector,
        edition=options.edition,
        collectors=options.other_collectors(),
    )


def _auth_code(options: Options) -> Secret:
    """Where one is set; else the program brings its own."""
    given = options.auth_code_file or os.environ.get("CTP_TERMINAL_AUTH_CODE")
    code = options.auth_code() if given else Secret("")
    if code:
        try:
            key_of(code.reveal())
        except BadAuthCode as error:
            raise OptionsInvalid(f"auth_code: {error}") from None
    return code


def _make_locale_ready(output: Output) -> None:
    """For programs that decode Chinese by zh_CN.GB18030, as vnpy_ctp's and openctp-ctp's code does."""
    try:
        locale.ensure()
    except LocaleMissing as missing:
        output.warning(f"ctp-terminal exec: {missing}")
