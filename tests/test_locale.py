"""Every sentence for visitors has its Bulgarian one."""

import ast
import gettext as catalogues
import re
from pathlib import Path

import pytest
from django.utils.translation import gettext, override

PACKAGE = Path(__file__).parent.parent / "erpnet_instanceid"
SHOP = Path(__file__).parent.parent / "example_project" / "shop"
# The same in both languages.
NAMES = {"Instance ID"}
SIMPLE = re.compile(r'{% translate "([^"]*)"(?: as \w+)? %}')
BLOCK = re.compile(r"{% blocktranslate[^%]* %}(.*?){% endblocktranslate %}", re.DOTALL)
VARIABLE = re.compile(r"{{ (\w+) }}")


def of_code(path):
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "gettext_lazy")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def of_template(path):
    text = path.read_text(encoding="utf-8")
    blocks = {VARIABLE.sub(r"%(\1)s", block) for block in BLOCK.findall(text)}
    return blocks | set(SIMPLE.findall(text))


TEXTS = set().union(
    *(of_code(path) for path in PACKAGE.rglob("*.py") if "testing" not in path.parts),
    *(of_template(path) for path in (PACKAGE / "templates").rglob("*.html")),
)


def test_sentences_are_found():
    assert "Stay signed in" in TEXTS
    assert "You will be signed out of %(site_name)s and of %(instance)s." in TEXTS
    assert "You cannot use this site" in TEXTS


@pytest.mark.parametrize("text", sorted(TEXTS - NAMES))
def test_is_translated(text):
    with override("bg"):
        assert gettext(text) != text


SHOP_TEXTS = set().union(*map(of_code, SHOP.rglob("*.py")), *map(of_template, SHOP.rglob("*.html")))


@pytest.mark.parametrize("text", sorted(SHOP_TEXTS))
def test_demo_is_translated(text):
    catalogue = catalogues.translation("django", SHOP / "locale", ["bg"])
    assert catalogue.gettext(text) != text
