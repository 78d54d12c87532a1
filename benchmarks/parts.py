"""Where the CPU of a sign-in goes, by part: the stack is looked at again and again."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

OUR_OWN = "what else this app does"
DJANGOS = "what else Django does for a request"
# The system's clock may tick more slowly.
EVERY_SECONDS = 0.001

_OURS = "/erpnet_instanceid/"
# A sample belongs to the first of these functions up the stack: the end of its file, and its name.
_PARTS = {
    ("auth/__init__.py", "login"): "Django's login(): the new session, last_login",
    ("users/accounts.py", "find_person"): "the user and the account: one query",
    ("tokens/rows.py", "claim"): "the row of the sign-in: an INSERT and an UPDATE",
    ("tokens/rows.py", "complete"): "the row of the sign-in: an INSERT and an UPDATE",
    ("oidc/http.py", "exchange"): "the token request",
    ("oidc/provider.py", "verify"): "signatures of the tokens",
    ("erpnet_instanceid/sealing.py", "seal"): "encryption of tokens and cookies",
    ("erpnet_instanceid/sealing.py", "unseal"): "encryption of tokens and cookies",
    ("erpnet_instanceid/cookies.py", "put"): "cookies of the sign-in",
    ("erpnet_instanceid/cookies.py", "forget"): "cookies of the sign-in",
}
PARTS = tuple(dict.fromkeys([*_PARTS.values(), OUR_OWN, DJANGOS]))


def shares_of(call: Callable[[], object]) -> Mapping[str, float]:
    """The share of each part in the CPU that Django's handler takes while ``call`` runs."""
    counted: Counter[str] = Counter()

    def look(_signal: int, frame: FrameType | None) -> Any:
        stack = []
        while frame is not None and frame.f_code.co_name != "get_response":
            stack.append(frame.f_code)
            frame = frame.f_back
        if frame is not None:
            counted[_part(stack)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    try:
        call()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {part: counted[part] / counted.total() for part in PARTS}


def _part(stack: list[CodeType]) -> str:
    for code in stack:
        for (file, name), part in _PARTS.items():
            if code.co_name == name and code.co_filename.endswith(file):
                return part
    # The middleware's frame is below the whole of each view.
    of_view = stack[: next((at for at, code in enumerate(stack) if _is_view(code)), 0)]
    return OUR_OWN if any(_OURS in code.co_filename for code in of_view) else DJANGOS


def _is_view(code: CodeType) -> bool:
    return code.co_name == "dispatch" and code.co_filename.endswith("generic/base.py")
