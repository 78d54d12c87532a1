"""Imports run one way, and what a library does is known in one place."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "erpnet_instanceid"
NAME = PACKAGE.name

# The rooms, from the ground up: a room may import from the rooms before it, and from itself.
ROOMS = (
    "oidc",
    "errors",
    "once",
    "conflicts",
    "outages",
    "sealing",
    "notes",
    "cookies",
    "records",
    "signals",
    "conf",
    "mozilla",
    "models",
    "users",
    "backends",
    "tokens",
    "session",
    "pages",
    "signin",
    "signout",
    "api",
    "middleware",
    "decorators",
    "templatetags",
    "contrib",
    "views",
    "urls",
    "checks",
    "admin",
    "apps",
    "management",
    # The stand-in is a program of its own.
    "testing.world",
    "testing.wire",
    "testing",
)
# The only modules that may know a library.
KNOWS = {
    "josepy": {"oidc.jose"},
    "requests": {
        "oidc.adapter",
        "oidc.http",
        "api.answers",
        "api.authorized",
        "api.calls",
        "api.files",
        # The stand-in calls itself, and plays the browser.
        "testing.instance",
        "testing.pytest_plugin",
        "testing.remote",
        "testing.visitor",
        "testing.world.notices",
    },
    "urllib3": {"oidc.adapter", "oidc.pool", "oidc.http", "api.answers", "api.authorized"},
    "cryptography": {"sealing", "testing.instance", "testing.world.forging", "testing.world.keys"},
    "mozilla_django_oidc": {"mozilla"},
}
# The only module that may touch a private attribute of Django's or requests'.
PRIVATE = {
    "_body": "views.posted",
    "_content": "oidc.http",
    "_files": "views.posted",
    "_csp_nonce": "pages.render",
    "_from_testcase": "tokens.connections",
    "_has_been_logged": "pages.failures",
    "_session_cache": "tokens.engine",
}
# Django, its REST framework and Python document these, underscore and all.
DOCUMENTED = {"_request", "_state", "_meta", "_default_manager", "_base_manager", "_db", "_replace"}


def modules():
    """The package's modules by dotted name, migrations left out."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] == "migrations":
            continue
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(name):
    """A module's imports: dotted names, those of this package without its name."""
    is_package = (PACKAGE / name.replace(".", "/")).is_dir()
    here = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = here[: len(here) - node.level + 1]
                base = ".".join([NAME, *stem, *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}".removeprefix(f"{NAME}.")
                yield full if full in MODULES else base


def own_imports(name):
    return {each.removeprefix(f"{NAME}.") for each in imports(name)} & MODULES.keys() - {name}


def room(name):
    parts = name.split(".")
    inner = ".".join(parts[:2])
    return inner if inner in ROOMS else parts[0]


@pytest.mark.parametrize("name", sorted(filter(None, MODULES)))
def test_rooms_import_one_way(name):
    for other in filter(None, own_imports(name)):
        assert ROOMS.index(room(other)) <= ROOMS.index(room(name)), f"{name} imports {other}"


def test_the_stand_in_shares_no_code_with_the_app():
    for name in MODULES:
        for other in own_imports(name):
            assert is_of_stand_in(name) == is_of_stand_in(other), f"{name} imports {other}"


def is_of_stand_in(name):
    return name.split(".")[0] == "testing"


def test_no_module_imports_itself_by_a_detour():
    # Raises graphlib.CycleError, which names the modules on the way around.
    TopologicalSorter({name: own_imports(name) for name in MODULES}).prepare()


@pytest.mark.parametrize("name", sorted(filter(None, MODULES)))
def test_libraries_are_known_where_they_belong(name):
    for library in {imported.split(".")[0] for imported in imports(name)} & KNOWS.keys():
        assert name in KNOWS[library], f"{name} imports {library}"


@pytest.mark.parametrize("name", sorted(n for n in MODULES if room(n) == "oidc"))
def test_the_protocol_knows_no_django(name):
    assert not [imported for imported in imports(name) if imported.startswith("django")]


def test_apps_imports_josepy_before_threads_can_race_to_it():
    assert "oidc.jose" in own_imports("apps")


def test_only_refresh_spends_refresh_tokens():
    spenders = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "spend_refresh_token"
    }
    assert spenders == {"tokens.refresh"}


def test_private_attributes_have_one_home_each():
    """The package reads a foreign private attribute, by name or as text, in one module only."""
    for name, tree in MODULES.items():
        nodes = list(ast.walk(tree))
        allowed = DOCUMENTED | {own for node in nodes for own in _private_names_given_by(node)}
        for node in nodes:
            for touched in _private_attributes_of(node) - allowed:
                assert PRIVATE.get(touched) == name, f"{name} touches {touched}, line {node.lineno}"


def _private_attributes_of(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value} & PRIVATE.keys()
    is_private = isinstance(node, ast.Attribute) and re.match(r"_(?!_)", node.attr)
    return {node.attr} if is_private else set()


def _private_names_given_by(node):
    """The names of the module's own functions and classes, and of its objects' attributes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return set(re.findall(r"^(?:(?:self|cls)\.)?(\w+)$", ast.unparse(node)))
    return set()


def test_there_is_no_drawer_for_everything():
    assert not [name for name in MODULES if name.split(".")[-1] in ("utils", "helpers", "misc")]
