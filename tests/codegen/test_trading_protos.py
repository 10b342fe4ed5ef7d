"""The messages for other languages are a part of the whole, wire for wire."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from codegen.trading_protos import TARGET, files
from ctprelay.bridge.v1 import bridge_pb2
from ctprelay.v1 import market_pb2, terminal_pb2

ROOT = Path(__file__).parents[2]
PACKAGES = ("ctprelay.ctp.v1", "ctprelay.v1")


@pytest.fixture(scope="module")
def subset(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """The files as a compiler reads them."""
    folder, protos = tmp_path_factory.mktemp("protos"), ROOT / TARGET
    names = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{protos}",
        f"--descriptor_set_out={folder / 'set'}",
        *names,
    ]
    subprocess.run(command, check=True, timeout=60)
    return FileDescriptorSet.FromString((folder / "set").read_bytes())


def messages(subset: FileDescriptorSet) -> Iterator[tuple[str, DescriptorProto]]:
    for file in subset.file:
        yield from ((f"{file.package}.{message.name}", message) for message in file.message_type)


def test_every_field_has_the_number_and_type_it_has_in_the_whole(subset: FileDescriptorSet) -> None:
    """So a program of either speaks with the other."""
    assert terminal_pb2.DESCRIPTOR.package == market_pb2.DESCRIPTOR.package == PACKAGES[1]
    assert bridge_pb2.DESCRIPTOR.package == "ctprelay.bridge.v1"
    whole = descriptor_pool.Default()

    for name, message in messages(subset):
        known = whole.FindMessageTypeByName(name).fields_by_name
        for field in message.field:
            other = known[field.name]
            assert (field.number, field.type) == (other.number, other.type), f"{name}.{field.name}"


def test_structs_are_whole(subset: FileDescriptorSet) -> None:
    """Requests and events are cut, a struct never is: an order without one of its fields would be another order."""
    whole = descriptor_pool.Default()
    cut = {"ctprelay.ctp.v1.Request", "ctprelay.ctp.v1.Event"}

    for name, message in messages(subset):
        fields = whole.FindMessageTypeByName(name).fields
        assert (len(message.field) < len(fields)) if name in cut else (len(message.field) == len(fields)), name


def test_what_older_compilers_do_not_know_is_not_in_it() -> None:
    """Debian 12's protoc refuses a file with this option; and packages have names in other languages."""
    for path, text in files().items():
        assert "debug_redact" not in text, path
        for option in ("csharp_namespace", "go_package", "java_multiple_files", "java_package", "objc_class_prefix"):
            assert f"option {option} = " in text, path
