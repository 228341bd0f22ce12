"""The folder of compiled programs: where it is, and how it is bounded."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from gapjax.parallel import compilation_cache


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Return the cache folder of a user who has set nothing."""
    name, seconds = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    enabled = "jax_enable_compilation_cache"
    before = {key: getattr(jax.config, key) for key in (name, seconds, enabled)}
    jax.config.update(name, None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(compilation_cache.VARIABLE, raising=False)
    yield tmp_path / "gapjax" / "compiled"
    for key, value in before.items():
        jax.config.update(key, value)


def test_the_users_cache_folder_is_used(unset: Path) -> None:
    compilation_cache.use()
    folder = Path(jax.config.jax_compilation_cache_dir)
    assert folder.parent == unset
    assert folder.is_dir()


def test_it_can_be_off_or_elsewhere(
    unset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compilation_cache.VARIABLE, "off")
    compilation_cache.use()
    assert jax.config.jax_compilation_cache_dir is None
    (tmp_path / "file").touch()
    # A folder that cannot be made is no reason to stop.
    monkeypatch.setenv(compilation_cache.VARIABLE, str(tmp_path / "file"))
    compilation_cache.use()
    assert jax.config.jax_compilation_cache_dir is None
    monkeypatch.setenv(compilation_cache.VARIABLE, str(tmp_path / "mine"))
    compilation_cache.use()
    assert Path(jax.config.jax_compilation_cache_dir).parent == tmp_path / "mine"
    assert not unset.exists()


@pytest.mark.parametrize(("flags", "enabled"), [([], True), (["--nocompilation_cache"], False)])
def test_a_flag_turns_it_off(unset: Path, flags: list[str], enabled: bool) -> None:
    """JAX's own, too; `test_compile` and `test_quiet` give it to the commands."""
    parser = argparse.ArgumentParser()
    compilation_cache.add_flag(parser)
    compilation_cache.use(parser.parse_args(flags).compilation_cache)
    assert jax.config.jax_enable_compilation_cache == unset.exists() == enabled


def test_the_oldest_programs_are_removed(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / "machine" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    compilation_cache.prune(tmp_path, 250)
    assert {path.name for path in (tmp_path / "machine").iterdir()} == {"new", "middle"}
