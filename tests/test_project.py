"""The house: what README shows is what there is, rooms stay small, the lock is a lock."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
CODE = ("lumbar", "jobs", "serve")
LONGEST_MODULE = 300

TREE_BLOCK = re.compile(r"```\n(pyproject\.toml .*?)```", re.DOTALL)
TREE_LINE = re.compile(r"^(?P<indent> *)(?P<name>[\w.\-]+/?)(?: {2,}\S.*)?$")


def tracked() -> set[str]:
    """Files of the repository: git's, or in an unpacked archive what lies there."""
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode == 0:
        return set(listing.stdout.splitlines())
    made = re.compile(r"^(\.|runs/|build/|dist/|[^/]*\.egg-info/)|/__pycache__/")
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()}
    return {path for path in found if not made.search(path)}


def shown_in_readme() -> set[str]:
    """Paths of README's tree; a folder ends in a slash, what is indented lies in it."""
    block = TREE_BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block, "README.md has no tree: a code block that starts with pyproject.toml"
    paths: set[str] = set()
    folders: list[tuple[int, str]] = []
    for line in block[1].splitlines():
        entry = TREE_LINE.match(line)
        if not entry:  # the second line of a description
            continue
        indent = len(entry["indent"])
        folders = [(depth, folder) for depth, folder in folders if depth < indent]
        path = (folders[-1][1] if folders else "") + entry["name"]
        paths.add(path)
        if path.endswith("/"):
            folders.append((indent, path))
    return paths


def rooms() -> set[str]:
    """The tree's first two floors: top-level folders, and what lies in lumbar."""
    found = {path.split("/")[0] + "/" for path in tracked() if "/" in path}
    for path in tracked():
        parts = path.split("/")
        if parts[0] == "lumbar" and len(parts) > 1 and not parts[1].startswith("__"):
            found.add("lumbar/" + parts[1] + ("/" if len(parts) > 2 else ""))
    return {path for path in found if not path.startswith(".")} - {"lumbar/py.typed"}


def test_readme_shows_nothing_that_is_not_there() -> None:
    missing = [path for path in shown_in_readme() if not (ROOT / path).exists()]
    assert not missing, f"README.md shows what does not exist: {sorted(missing)}"


def test_readme_shows_every_room() -> None:
    hidden = rooms() - shown_in_readme()
    assert not hidden, f"README.md's tree leaves out {sorted(hidden)}"


def modules() -> list[Path]:
    return [path for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]


def test_long_modules_give_their_reason_at_their_head() -> None:
    """A module of more than 300 lines says why: its docstring has a line `Long because ...`."""
    for path in modules():
        text = path.read_text(encoding="utf-8")
        lines = len(text.splitlines())
        reason = "Long because" in (ast.get_docstring(ast.parse(text)) or "")
        assert lines <= LONGEST_MODULE or reason, f"{path.relative_to(ROOT)} has {lines} lines"


def test_modules_say_what_they_are_about() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent


def test_import_rules_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def pins() -> dict[str, str]:
    """Canonical name -> version of requirements.lock, whatever the platform."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found: dict[str, str] = {}
    for line in lines:
        requirement = Requirement(line)
        specifiers = list(requirement.specifier)
        assert [s.operator for s in specifiers] == ["=="], f"not pinned: {line}"
        found[canonicalize_name(requirement.name)] = specifiers[0].version
    return found


def test_the_lock_names_no_place_to_get_packages_from() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.findall(r"\S*://\S*|^\s*-\S.*| @ .*", text, re.MULTILINE)


def asked_for() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", asked_for(), ids=lambda requirement: requirement.name)
def test_the_lock_gives_what_pyproject_asks_for(requirement: Requirement) -> None:
    locked = pins().get(canonicalize_name(requirement.name))
    assert locked, f"{requirement.name} is not in requirements.lock: run `make lock`"
    assert requirement.specifier.contains(locked), f"{requirement} but the lock has {locked}"


@pytest.mark.parametrize("name", ["ray", "torch", "torchvision", "pydicom", "numpy"])
def test_what_runs_here_is_what_is_locked(name: str) -> None:
    assert version(name).partition("+")[0] == pins()[name]


UNSEEN = {
    "import-linter": "a command",
    "mypy": "a command",
    "ruff": "a command",
    "onnx": "torch's exporter writes with it",
    "pip": "`make setup` and audits call it",
    "httpx2": "what starlette's TestClient speaks through",
    "pyjpegls": "a plug-in of pydicom",
    "pylibjpeg": "a plug-in of pydicom",
    "pylibjpeg-openjpeg": "a plug-in of pydicom",
    "pylibjpeg-rle": "a plug-in of pydicom",
    "python-multipart": "starlette parses uploads with it",
}
"""Packages that are needed without being imported, and why."""


def imported(*folders: str) -> set[str]:
    """Distributions that the Python files of some folders import, ours left out."""
    providers = packages_distributions()
    found: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                found |= set(map(canonicalize_name, providers.get(name.partition(".")[0], ())))
    return found - {"lumbar"}


def declared(group: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] if group == "package" else extras[group]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_what_the_package_imports_is_declared() -> None:
    optional = declared("openvino")  # imported only where it is found
    assert imported(*CODE) <= declared("package") | optional


def test_what_the_tests_import_is_declared() -> None:
    assert imported("tests", "benchmarks", "tools") <= declared("package") | declared("dev")


def test_what_is_declared_is_used() -> None:
    used = imported(*CODE, "tests", "benchmarks", "tools") | set(UNSEEN)
    assert declared("package") | declared("dev") <= used


def test_changelog_has_an_entry_for_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("syntax", "plugin"),
    [
        ("RLELossless", "pylibjpeg"),
        ("JPEG2000Lossless", "pylibjpeg"),
        ("JPEGLSLossless", "pyjpegls"),
    ],
)
def test_the_lock_brings_the_fast_decoder_of(syntax: str, plugin: str) -> None:
    """pylibjpeg's plug-ins need pylibjpeg itself beside them, and fall out unseen without it."""
    import pydicom.uid
    from pydicom.pixels.decoders.base import get_decoder

    assert plugin in get_decoder(getattr(pydicom.uid, syntax)).available_plugins
