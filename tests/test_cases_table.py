"""The table of cases in the docs is the one that the tests make."""

from .cases_table import TABLE, table


def test_docs_name_the_tests_that_there_are():
    assert TABLE.read_text(encoding="utf-8") == table(), "run: python -m tests.cases_table"
