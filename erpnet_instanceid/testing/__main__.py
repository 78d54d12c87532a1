"""`python -m erpnet_instanceid.testing` runs a stand-in until Ctrl+C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from erpnet_instanceid import testing


def main(arguments: Sequence[str] | None = None) -> int | str:
    options = _parser().parse_args(arguments)
    try:
        run_instance = testing.run_instance
    except ModuleNotFoundError as error:
        return str(error)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with run_instance(
        options.host,
        options.port,
        public_url=options.public_url,
        control=options.control,
        application_uri=options.application_uri,
        application_secret=options.secret,
    ) as instance:
        instance.register(
            login_urls=options.login_url,
            logout_urls=options.logout_url,
            backchannel_url=options.backchannel_url,
            frontchannel_url=options.frontchannel_url,
            scope=options.scope,
        )
        instance.access_token_lifetime = options.access_token_lifetime
        instance.auto_sign_in = options.auto_sign_in
        if options.no_limits:
            instance.lift_limits()
        sys.stdout.write(_greeting(instance))
        sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m erpnet_instanceid.testing",
        description="A stand-in ERP.net instance, for demos and tests. Not for production.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8900, help="0 picks a free one")
    add("--public-url", help="the URL for browsers and sites, if not host and port")
    add("--application-uri", default="demo.example.com")
    add("--secret", default="the-secret-of-the-demo-site")
    add("--scope", default="read update", help="the scopes of the application")
    add(
        "--login-url",
        action="append",
        help="exact redirect URI, repeatable; without it any URL of this machine",
    )
    add(
        "--logout-url",
        action="append",
        help="exact post-logout URI, repeatable; without it any URL of this machine",
    )
    add("--backchannel-url", help="the application's address for logout tokens")
    add("--frontchannel-url", help="the address that the signed-out page frames")
    add("--access-token-lifetime", type=float, default=3600, metavar="SECONDS")
    add("--auto-sign-in", metavar="LOGIN", help="sign this person in without showing a page")
    add("--no-limits", action="store_true", help="let in any number of API requests")
    add("--control", action="store_true", help="let other processes change the stand-in")
    return parser


def _greeting(instance: testing.Instance) -> str:
    lines = [
        f"Stand-in instance: {instance.url}",
        "",
        "For the settings of your site:",
        "",
        "  ERPNET_INSTANCEID = {",
        *(f'      "{key}": "{value}",' for key, value in instance.settings().items()),
        "  }",
        "",
        "People to sign in as, without a password:",
        "",
    ]
    for person in instance.people.offered():
        role = "administrator" if person.is_admin else person.user_type
        lines.append(f"  {person.login:<12} {person.name} ({role})")
    return "\n".join([*lines, "", "Ctrl+C ends it.", ""])


if __name__ == "__main__":
    sys.exit(main())
