"""Ways to spoil a token before it is signed: each returns a function for `Instance.change`."""

MISSING = object()


def named(value):
    """An id for a parameter; nothing that would not print."""
    return "missing" if value is MISSING else ascii(value)[:32]


def claims(**values):
    """Sets claims; MISSING takes one out, and a function makes the new value of the right one."""

    def forge(token):
        _change(token.claims, values)

    return forge


def header(**values):
    """As `claims`, for members of the header."""

    def forge(token):
        _change(token.header, values)

    return forge


def several(*forges):
    """One after another."""

    def forge(token):
        for each in forges:
            each(token)

    return forge


def _change(members, values):
    for name, value in values.items():
        if value is MISSING:
            members.pop(name, None)
        else:
            members[name] = value(members.get(name)) if callable(value) else value
