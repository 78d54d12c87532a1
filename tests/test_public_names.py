"""The names that sites import, and how they are called, change by decision only."""

from erpnet_instanceid import api, errors

from .public_names import TABLE, table


def test_public_names_and_signatures_are_as_written_down():
    written = TABLE.read_text(encoding="utf-8").splitlines()
    assert table().splitlines() == written, "if you mean it: python -m tests.public_names"


def test_every_exception_is_importable_from_errors_and_from_api():
    for name in errors.__all__:
        assert getattr(api, name) is getattr(errors, name)
    assert set(errors.__all__) <= set(api.__all__)
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.InstanceIDError)
    }
    assert kinds == set(errors.__all__)
