"""How Sphinx builds the documentation: sphinx-build -W docs docs/_build"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# The reference of the Python names is read from the code, which needs settings.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

project = "erpnet_instanceid"
html_title = "erpnet-instanceid"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["narrow.css"]
html_copy_source = False
# The search finds more.
html_use_index = html_domain_indices = False
html_show_copyright = False
html_show_sphinx = False
exclude_patterns = ["_build"]
extensions = ["sphinx.ext.autodoc"]

# Docstrings put the name of another function between single backquotes.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

# Additions to the theme for people who use a keyboard or a screen reader.
ACCESSIBLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',
    '<div id="search-results">': '<h1>Search</h1>\n<div id="search-results">',
}


def make_accessible(app: Sphinx, error: Exception | None) -> None:
    """Adds to each built page what ACCESSIBLE says."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for found, better in ACCESSIBLE.items():
            text = text.replace(found, better)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", make_accessible)
