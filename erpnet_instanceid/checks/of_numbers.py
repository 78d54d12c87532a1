"""Checks the times and sizes in ERPNET_INSTANCEID."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage

from ..conf import DEFAULTS, conf
from ..signin.attempts import COOKIE_SECONDS
from .messages import error, name, warning
from .values import is_number

LEAST = {
    "REFRESH_MARGIN": 0,
    "CLOCK_SKEW": 0,
    "CONNECT_TIMEOUT": 0.1,
    "DEADLINE": 0.1,
    # The app cuts these two to whole numbers, so half a second would be none.
    "SIGN_IN_LIFETIME": 1,
    "API_MAX_BYTES": 1,
    "API_CONCURRENCY": 0,
    "API_PER_MINUTE": 0,
}
# Clocks that differ by more are set wrong, and an expired token would pass as valid.
MOST_SKEW_SECONDS = 300
# While the instance hangs, a page takes this long; the usual servers give up after 30 s to 60 s.
MOST_DEADLINE_SECONDS = 60


def check_numbers() -> Iterator[CheckMessage]:
    for key, least in LEAST.items():
        if not is_number(conf.get(key), at_least=least):
            yield error(
                13,
                f"{name(key)} must be a number, {least} or more.",
                f"The default is {DEFAULTS[key]}.",
            )
    yield from _sign_in_lifetime()
    yield from _clock_skew()
    yield from _deadline()


def _sign_in_lifetime() -> Iterator[CheckMessage]:
    seconds = conf.get("SIGN_IN_LIFETIME")
    if is_number(seconds, at_least=1) and seconds > COOKIE_SECONDS:
        yield warning(
            4,
            f"{name('SIGN_IN_LIFETIME')} is more than {COOKIE_SECONDS} s.",
            f"Set it to {COOKIE_SECONDS} or less: the cookie of a sign-in expires then anyway.",
        )


def _clock_skew() -> Iterator[CheckMessage]:
    seconds = conf.get("CLOCK_SKEW")
    if is_number(seconds, at_least=0) and seconds > MOST_SKEW_SECONDS:
        yield warning(
            5,
            f"{name('CLOCK_SKEW')} is more than {MOST_SKEW_SECONDS} s: the site accepts a token "
            "for that long after it has expired.",
            "Set the clocks by NTP, and keep the default of 60 s.",
        )


def _deadline() -> Iterator[CheckMessage]:
    seconds = conf.get("DEADLINE")
    if is_number(seconds, at_least=0) and seconds > MOST_DEADLINE_SECONDS:
        yield warning(
            26,
            f"{name('DEADLINE')} is more than {MOST_DEADLINE_SECONDS} s: while the instance hangs, "
            "a visitor waits that long for a page.",
            f"Leave it out: the default is {DEFAULTS['DEADLINE']} s.",
        )
