"""Stored records: by name, with a version, and unreadable without an error."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from erpnet_instanceid.records import from_dict, pack, to_dict, unpack


@dataclass(frozen=True)
class Point:
    VERSION: ClassVar[int] = 2

    x: int
    y: int = 7


def test_record_comes_back():
    assert unpack(Point, pack(Point(1, 2))) == Point(1, 2)
    assert from_dict(Point, to_dict(Point(1, 2))) == Point(1, 2)


def test_record_without_a_new_field_gets_its_default():
    assert unpack(Point, b'{"v":2,"x":1}') == Point(1, 7)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[1,2]", b"null", b"{}", b'{"v":1,"x":1}', b'{"v":2}', b'{"v":2,"x":1,"z":1}'],
)
def test_record_of_another_kind_is_not_readable(data):
    assert unpack(Point, data) is None
