"""Which of the two modes at UFX, over which library."""

from __future__ import annotations

from pathlib import Path

from relay.counter.adapter_parts import AdapterParts
from relay.counter.port import Mode, SteeredCounter
from relay.counter.ufx.line import LineParts
from relay.counter.ufx.many_to_many import UfxManyToMany
from relay.counter.ufx.many_to_one import UfxManyToOne
from relay.counter.ufx.safe_level import safe_section
from relay.counter.ufx.t2.library import LibraryRefused, load_t2
from relay.settings import file as settings_file


def make_counter(parts: AdapterParts) -> SteeredCounter:
    """The mode that the settings ask for. Raises SettingsInvalid where the library cannot be used."""
    settings = parts.settings.counter.ufx
    if settings is None:
        raise settings_file.SettingsInvalid("settings", ["counter.ufx: is required where counter.system is ufx"])
    try:
        library = load_t2(settings.library)
    except LibraryRefused as error:
        raise settings_file.SettingsInvalid("settings", [str(error)]) from None
    safe = safe_section(settings)
    folder = Path(parts.settings.relay.state_dir) / "ufx"
    folder.mkdir(mode=0o700, exist_ok=True)
    line = LineParts(library, settings, parts.faults, folder, f"ctprelay{parts.number}", safe)
    kind = UfxManyToOne if parts.mode is Mode.MANY_TO_ONE else UfxManyToMany
    return kind(parts, settings, line)
