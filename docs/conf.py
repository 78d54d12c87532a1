"""How Sphinx builds the documentation: sphinx-build -W docs docs/_build"""

import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# The reference of the Python names is read from the code, which needs settings.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

project = "erpnet_instanceid"
html_title = "erpnet-instanceid"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
exclude_patterns = ["_build"]
extensions = ["sphinx.ext.autodoc"]

# Docstrings put the name of another function between single backquotes.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
