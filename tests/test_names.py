"""A test's name is one short sentence; its docstring says the rest."""

import ast
from pathlib import Path

LONGEST = 59


def test_names_of_tests_are_short():
    names = [
        node.name
        for path in Path(__file__).parent.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [name for name in names if name.startswith("test_") and len(name) > LONGEST]
