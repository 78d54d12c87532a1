"""Frames that hold secrets stand in no traceback."""

from __future__ import annotations

import traceback

import pytest

from erpnet_instanceid.oidc.tracebacks import hides_frames


def fails_with(secret: str) -> None:
    try:
        raise KeyError(secret[:0])
    except KeyError as error:
        raise ValueError("wrong") from error


@hides_frames
def boundary() -> None:
    fails_with("a-secret")


def test_error_leaves_without_the_frames_below() -> None:
    with pytest.raises(ValueError, match="wrong") as caught:
        boundary()
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "a-secret" not in "".join(stack.format())
