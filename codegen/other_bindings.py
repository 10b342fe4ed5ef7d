"""The catalogs of the bindings beside openctp-ctp: written where they are installed, and only if the messages can carry them.

The messages and their field numbers are made of openctp-ctp's catalog alone. Another binding may lack what they have;
what it has and they lack would be lost on the way, so it is an error here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from codegen.output import catalog_texts
from ctpabi.catalog import Catalog, Distribution, Interface
from ctpabi.catalog.introspect import introspect_at


class NotInMessages(ValueError):
    """The binding has what no message has; the text names it."""


def catalogs_of_others(reference: Catalog) -> Iterator[tuple[Distribution, dict[Path, str]]]:
    """Each of them with its files, and no files where it is not installed. Raises NotInMessages, LayoutMismatch."""
    for distribution in Distribution:
        if distribution is not reference.distribution:
            yield distribution, _texts(reference, distribution)


def _texts(reference: Catalog, distribution: Distribution) -> dict[Path, str]:
    spec = importlib.util.find_spec(distribution.package)
    if spec is None or spec.origin is None:
        return {}
    site = Path(spec.origin).parents[1]
    found = [introspect_at(site, interface, distribution=distribution) for interface in Interface]
    version = importlib.metadata.version(distribution)
    for catalog in found:
        if catalog.version != version:
            raise NotInMessages(f"{distribution} calls itself {catalog.version} and is installed as {version}")
    of_market_data = [name for struct in found[1].structs for name in _unknown_fields(reference, found[1], struct)]
    if unknown := [*unknown_to(reference, found[0]), *of_market_data]:
        raise NotInMessages(f"{distribution} {version} has what {reference.distribution} lacks: {', '.join(unknown)}")
    return catalog_texts(found)


def unknown_to(reference: Catalog, other: Catalog) -> list[str]:
    """What of `other`'s requests, events, their fields and enum values `reference` lacks or reads in another way."""
    found = [
        name
        for side, known in ((other.methods, reference.methods), (other.callbacks, reference.callbacks))
        for name, member in side.items()
        if name not in known or (member.shape, member.struct) != (known[name].shape, known[name].struct)
    ]
    passed = {m.struct for m in other.methods.values()} | {c.struct for c in other.callbacks.values()}
    for name in sorted(passed & set(other.structs)):
        found += _unknown_fields(reference, other, name)
    for name, enum in other.enums.items():
        known_values = {value.char for value in reference.enums[name].values} if name in reference.enums else set()
        found += (f"{name} {value.name}" for value in enum.values if value.char not in known_values)
    return found


def _unknown_fields(reference: Catalog, other: Catalog, name: str) -> Iterator[str]:
    struct = reference.structs.get(name)
    if struct is None:
        yield name
        return
    known = {field.name: (field.proto_name, field.kind, field.enum) for field in struct.fields}
    for field in other.structs[name].fields:
        if known.get(field.name) != (field.proto_name, field.kind, field.enum):
            yield f"{name}.{field.name}"
