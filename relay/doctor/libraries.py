"""The firm's own files in the place of the vendor's libraries: the same look before every start, and for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ctpabi.api import binding, chosen_library
from ctpabi.api.binding import BindingMismatch
from ctpabi.api.chosen_library import LibraryFault, LibraryUnfit
from ctpabi.catalog import Distribution, Interface
from ctpabi.locale import LocaleMissing
from relay.doctor.case import Case
from relay.doctor.finding import Finding, FindingRow
from relay.doctor.rows import counter as counter_rows
from relay.doctor.rows import library as rows
from relay.settings.libraries import LIBRARY_KEYS, chosen_libraries, why_not_trusted

ROWS: dict[LibraryFault, FindingRow] = {
    LibraryFault.MISSING: rows.CHOSEN_MISSING,
    LibraryFault.NO_FILE: rows.CHOSEN_NO_FILE,
    LibraryFault.UNREADABLE: rows.CHOSEN_UNREADABLE,
    LibraryFault.NO_LIBRARY: rows.CHOSEN_NO_LIBRARY,
    LibraryFault.OTHER_MACHINE: rows.CHOSEN_OTHER_MACHINE,
    LibraryFault.OTHER_NAME: rows.CHOSEN_OTHER_NAME,
    LibraryFault.UNLOADABLE: rows.CHOSEN_UNLOADABLE,
    LibraryFault.OTHER_VERSION: rows.CHOSEN_OTHER_VERSION,
    LibraryFault.OTHER_SLOTS: rows.CHOSEN_OTHER_SLOTS,
    LibraryFault.NOT_TAKEN: rows.CHOSEN_NOT_TAKEN,
    LibraryFault.CHANGED: rows.CHOSEN_CHANGED,
    LibraryFault.CRASHED: rows.CHOSEN_CRASHED,
}


def check_chosen_libraries(case: Case) -> Iterator[Finding]:
    """First the file and who may write it; only one that passes is loaded, in a process of its own."""
    chosen, of = chosen_libraries(case.settings), Distribution(case.settings.counter.binding)
    fit: dict[Interface, tuple[Path, str]] = {}
    for interface, file in chosen.items():
        try:
            digest = chosen_library.examine(file, of, interface)
            why = why_not_trusted(file, case.settings)
        except (LibraryUnfit, BindingMismatch, OSError) as error:
            yield _finding(error, of, interface, file)
            continue
        if why:
            yield rows.CHOSEN_UNTRUSTED(key=LIBRARY_KEYS[interface], why=why)
        else:
            fit[interface] = file, digest
    yield from _rehearsed(of, fit)


def _rehearsed(of: Distribution, fit: dict[Interface, tuple[Path, str]]) -> Iterator[Finding]:
    if not fit:
        return
    files = {interface: file for interface, (file, _) in fit.items()}
    try:
        found = chosen_library.rehearse(of, files)
    except LibraryUnfit as unfit:
        interface = next(name for name, file in files.items() if file == unfit.file)
        yield _finding(unfit, of, interface, unfit.file)
        return
    except (BindingMismatch, LocaleMissing, OSError) as error:
        yield counter_rows.LIBRARY_WRONG(why=error)
        return
    for interface, one in found.items():
        file, digest = fit[interface]
        key, version = LIBRARY_KEYS[interface], one.version
        yield rows.CHOSEN_RIGHT(key=key, file=file, version=version, sha256=digest, seen=one.seen, slots=one.slots)


def _finding(error: Exception, of: Distribution, interface: Interface, file: Path) -> Finding:
    key = LIBRARY_KEYS[interface]
    if isinstance(error, LibraryUnfit):
        installed = binding.installed_version(of)
        return ROWS[error.fault](key=key, file=file, binding=of, installed=installed, **error.facts)
    if isinstance(error, OSError):
        return rows.CHOSEN_UNREADABLE(key=key, file=file, why=error.strerror or error)
    return counter_rows.LIBRARY_WRONG(why=error)
