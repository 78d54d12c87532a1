"""erpnet_instanceid in the flow that the peers have: a code, in the query."""

from __future__ import annotations

from .ours import *  # noqa: F403
from .ours import ERPNET_INSTANCEID

ERPNET_INSTANCEID = {**ERPNET_INSTANCEID, "RESPONSE_TYPE": "code"}
