"""The docs name what the code names, and the reference's example of the admin works."""

import ast
import re
from importlib import import_module

import pytest

from erpnet_instanceid import errors
from erpnet_instanceid.api.errors import NO_LICENCE
from erpnet_instanceid.management.doctor.addresses import WANTS_SOMEBODY
from erpnet_instanceid.pages import failures as pages

from .support.check_ids import check_ids
from .support.printed import DOCS, TREE, blocks
from .test_architecture import MODULES, PACKAGE, ROOMS
from .test_locale import TEXTS


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


REFERENCE, CONTRIBUTING = page("reference.rst"), page("contributing.rst")
ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.InstanceIDError)
}


def section(title, page=REFERENCE):
    parts = re.split(r"^(\S.*)\n-{3,}\n", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def mapped():
    """The folders and modules of the map in contributing.rst, in its order."""
    return re.findall(
        r"^   \* - ``(\w+(?:/|\.py))``$", section("The map", CONTRIBUTING), flags=re.M
    )


def calls():
    """Each call in the package whose first argument is a literal text: its name, and the text."""
    return [
        (getattr(node.func, "id", None) or getattr(node.func, "attr", ""), node.args[0].value)
        for name, tree in MODULES.items()
        if not name.startswith("testing")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def test_every_check_is_in_the_table_and_no_other():
    told = re.findall(r"^   \* - ([EW]\d{3})$", section("System checks"), flags=re.M)
    assert told == sorted(check_ids())


def test_every_code_is_in_the_table_and_no_other():
    raised = {code for name, code in calls() if name in ERRORS}
    # Those come from the instance, as it spells them.
    given = pages.OPERATOR_ERRORS | pages._SENTENCES.keys() | WANTS_SOMEBODY
    raised |= {*given, "unknown_error", NO_LICENCE}
    text = section("What error pages show")
    rows = re.findall(r"^   \* - (.*?)^     - ", text, flags=re.M | re.S)
    told = [code for row in rows for code in re.findall(r"``(\w+)``", row)]
    assert len(told) == len(set(told))
    only_raised = set(re.findall(r"``(\w+)``", text.partition("\nYour own code may get these")[2]))
    assert set(told) <= raised
    assert raised - set(told) <= only_raised
    assert not only_raised & set(told)


def test_every_line_of_the_log_is_in_the_table_by_its_level():
    levels = {"info", "warning", "error"}
    there = {(name.upper(), text.split()[0]) for name, text in calls() if name in levels}
    # `pages` logs by the error's level what it is given the name of.
    given = [text for name, text in calls() if name == "_logged"]
    there |= {(level, text) for level in ("WARNING", "ERROR") for text in given}
    rows = re.findall(
        r"\* - (INFO|WARNING|ERROR)\n     - .*?\n     - (.*?)(?=\n   \*|\n\n)",
        section("The log"),
        flags=re.S,
    )
    told = {(level, name) for level, names in rows for name in re.findall(r"``(\w+)``", names)}
    assert told == there


def test_the_map_has_each_folder_and_module_of_the_package():
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.*") if path.is_file()]
    inside = {f"{file.parts[0]}/" for file in files if file.parts[1:] and file.suffix != ".pyc"}
    modules = {file.name for file in files if file.suffix == ".py" and not file.parts[1:]}
    assert sorted(mapped()) == sorted((inside | modules) - {"__init__.py", "__pycache__/"})


def test_the_map_is_in_the_order_of_the_floors():
    rooms = [re.sub(r"/|\.py$", "", name) for name in mapped()]
    assert [name for name in rooms if name in ROOMS] == [name for name in ROOMS if "." not in name]


def test_contributing_names_files_that_exist():
    named = set(re.findall(r"``([\w/]+(?:/|\.py|\.rst|\.po))``", CONTRIBUTING))
    missing = {name for name in named if not any((top / name).exists() for top in (PACKAGE, TREE))}
    assert not missing


def python_blocks():
    return [
        pytest.param(block.text, id=f"{page.stem}-{number}")
        for page in sorted(DOCS.glob("*.rst"))
        for number, block in enumerate(blocks(page))
        if block.language == "python"
    ]


@pytest.mark.parametrize("text", python_blocks())
def test_examples_import_names_that_exist(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("erpnet_instanceid"):
            module = import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


TEMPLATES = PACKAGE / "templates" / "erpnet_instanceid"


def test_each_template_is_listed_with_its_context_and_blocks():
    rows = re.findall(
        r"^   \* - ``(\w+\.html)``\n     - .*?\n     - (.*?)\n     - (.*)$",
        page("pages.rst"),
        flags=re.M,
    )
    assert sorted(row[0] for row in rows) == sorted(path.name for path in TEMPLATES.glob("*"))
    # For every page, from Django, and from the loop over a form's fields.
    elsewhere = {"home", "instance", "site_name", "LANGUAGE_CODE", "name", "value"}
    for template, context, its_blocks in rows:
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        used = set(re.findall(r"{{ (\w+)|{% if (\w+)", text))
        names = {name for pair in used for name in pair if name}
        assert names - elsewhere <= set(re.findall(r"``(\w+)``", context)), template
        assert set(re.findall(r"{% block (\w+) %}", text)) == set(
            re.findall(r"``(\w+)``", its_blocks)
        ), template


@pytest.mark.django_db
def test_the_pages_take_the_look_of_a_site_as_printed(client, settings, tmp_path):
    (printed,) = [block for block in blocks(DOCS / "pages.rst") if block.caption]
    path = tmp_path / printed.caption
    path.parent.mkdir(parents=True)
    path.write_text(printed.text, encoding="utf-8")
    (tmp_path / "templates" / "base.html").write_text(
        "<title>{% block title %}{% endblock %}</title>my site: {% block main %}{% endblock %}",
        encoding="utf-8",
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path / "templates"]}]
    shown = client.get("/signout").text
    assert shown.startswith("<title>Sign out</title>my site: ")
    assert "Stay signed in" in shown


def test_symptoms_name_pages_by_their_titles():
    symptoms = section("The site shows an error page of this app", page("troubleshooting.rst"))
    assert set(re.findall(r'^"(.+?)"', symptoms, flags=re.M)) <= TEXTS


def test_cookies_are_listed_by_name():
    named = {
        node.value
        for name, tree in MODULES.items()
        if not name.startswith("testing")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"erpnet_(?!instanceid)[a-z_]+", node.value)
    }
    assert named == set(re.findall(r"``__Host-(\w+)``", page("production.rst")))
