"""What of the native library is loaded, and who may have written it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ctpabi.api import binding, roads
from ctpabi.native import NativeUnavailable, build
from tests.ctpabi.native_library import native_module


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The compiled library, where a package carries it."""
    native_module()
    made = Path(shutil.copy(build.compile_here(), tmp_path / build.file_name()))
    monkeypatch.setattr(build, "_CARRIED", tmp_path)
    tmp_path.chmod(0o755)
    made.chmod(0o644)
    return made


def test_a_file_that_others_may_write_is_not_loaded(carried: Path) -> None:
    """It would run with the relay's rights."""
    build.load(carried)

    for mode in (0o664, 0o646):
        carried.chmod(mode)
        with pytest.raises(NativeUnavailable, match="others may write"):
            build.load(carried)


def test_a_folder_that_others_may_write_is_not_trusted(carried: Path) -> None:
    """Whoever may write there puts another file in its place; not where the folder is as /tmp is."""
    carried.parent.chmod(0o777)
    with pytest.raises(NativeUnavailable, match=r"others may write .*chmod go-w"):
        build.load(carried)

    carried.parent.chmod(0o1777)
    build.load(carried)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user; run as root")
def test_a_file_of_another_users_is_not_loaded(carried: Path) -> None:
    """Also where a link leads to it."""
    link = carried.parent / "link.so"
    link.symlink_to(carried)
    os.chown(carried, 12345, 12345)

    for file in (carried, link):
        with pytest.raises(NativeUnavailable, match="another user"):
            build.load(file)


def test_a_file_that_is_not_trusted_leaves_python_the_road(carried: Path) -> None:
    """With `auto` the relay starts all the same, and says why."""
    carried.chmod(0o666)
    loaded = binding.load()

    chosen, road = roads.choose(roads.Wanted.AUTO, loaded)

    assert (road.is_native, chosen.native) == (False, None)
    assert "others may write" in road.why
    with pytest.raises(binding.BindingMismatch, match="others may write"):
        roads.choose(roads.Wanted.ON, loaded)


def test_a_cache_that_can_only_be_read_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An administrator filled it; the relay's unit may not write there."""
    kept = tmp_path / "ctp-relay" / "native" / build.file_name()
    kept.parent.mkdir(parents=True)
    kept.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_CARRIED", tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert build.compiled_file() == kept
