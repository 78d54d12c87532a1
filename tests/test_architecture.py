"""Imports run one way, and what a library does is known in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "erpnet_instanceid"
NAME = PACKAGE.name

# A room may import from the rooms before it, and from its own.
FLOORS = (
    ("oidc",),
    ("conf", "sealing", "models", "signals", "backoff", "once", "cookies"),
    ("connections",),
    ("attempts", "arrivals", "session", "targets", "pruning", "lease", "claims"),
    ("challenge", "endings", "refreshed", "refresh", "arefresh", "accounts", "backends"),
    ("pages", "held_forms", "completion", "notices", "api_session", "service"),
    ("middleware", "api", "decorators"),
    ("views",),
    ("urls", "checks", "admin", "registration", "diagnostics", "apps"),
    ("management",),
)
# Who alone may know a library.
KNOWS = {
    "josepy": {"oidc.jose"},
    "requests": {"oidc.http", "api_session"},
    "urllib3": {"oidc.pool", "oidc.http", "api_session"},
    "cryptography": {"sealing"},
    "mozilla_django_oidc": {"backends", "views.signin", "views.callback", "views.signout"},
}


def modules() -> dict[str, ast.Module]:
    """The package's modules by dotted name; the stand-in is a program of its own."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] in ("testing", "migrations"):
            continue
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """What a module imports: dotted names, those of this package without its name."""
    is_package = (PACKAGE / name.replace(".", "/")).is_dir()
    here = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = here[: len(here) - node.level + 1]
                base = ".".join([NAME, *stem, *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}".removeprefix(f"{NAME}.")
                yield (full if full in MODULES else base), node


def own_imports(name: str) -> set[str]:
    own = set()
    for imported, _node in imports(name):
        short = imported.removeprefix(f"{NAME}.")
        if short in MODULES and short != name:
            own.add(short)
    return own


def floor(name: str) -> int:
    room = name.split(".")[0]
    return next(index for index, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("name", sorted(filter(None, MODULES)))
def test_imports_run_one_way(name: str) -> None:
    for other in own_imports(name):
        assert floor(other) <= floor(name), f"{name} imports {other}"


def test_no_module_imports_itself_by_a_detour() -> None:
    # Raises graphlib.CycleError, which names the modules on the way around.
    TopologicalSorter({name: own_imports(name) for name in MODULES}).prepare()


@pytest.mark.parametrize("name", sorted(filter(None, MODULES)))
def test_libraries_are_known_where_they_belong(name: str) -> None:
    for imported, _node in imports(name):
        library = imported.split(".")[0]
        if library in KNOWS:
            assert name in KNOWS[library], f"{name} imports {library}"


@pytest.mark.parametrize("name", sorted(n for n in MODULES if n.split(".")[0] == "oidc"))
def test_the_protocol_knows_no_django(name: str) -> None:
    assert not [imported for imported, _ in imports(name) if imported.startswith("django")]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_import_hides_in_a_function(name: str) -> None:
    hidden = [
        node.lineno
        for function in ast.walk(MODULES[name])
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    # AppConfig.ready is where Django wants what needs the models.
    assert not hidden or name == "apps"


def test_apps_imports_josepy_before_threads_can_race_to_it() -> None:
    assert "oidc.jose" in own_imports("apps")


def test_only_refresh_spends_refresh_tokens() -> None:
    spenders = [
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "spend_refresh_token"
    ]
    assert set(spenders) == {"refresh"}


def test_there_is_no_drawer_for_everything() -> None:
    assert not [name for name in MODULES if name.split(".")[-1] in ("utils", "helpers", "misc")]
