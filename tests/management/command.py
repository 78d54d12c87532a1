"""`manage.py instanceid` in this process."""

import io

from django.core.management import call_command


def told(*arguments):
    """The printed lines. Raises CommandError."""
    out = io.StringIO()
    call_command("instanceid", *arguments, stdout=out)
    return out.getvalue()
