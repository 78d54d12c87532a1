"""``manage.py instanceid``: register the site, look for what is wrong, tidy up."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import NoReverseMatch

from erpnet_instanceid.checks import URLS_MISSING
from erpnet_instanceid.conf import conf
from erpnet_instanceid.management import doctor as diagnostics
from erpnet_instanceid.management import registration
from erpnet_instanceid.oidc.provider import is_safe_address
from erpnet_instanceid.tokens.pruning import prune


class Command(BaseCommand):
    help = "Registers this site at its ERP.net instance, examines the setup, tidies up."
    # Before the site is registered its settings cannot pass the checks.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, text in (
            ("register", "make a client secret, and the registration to ask for"),
            ("install-link", "the address where an administrator registers the site"),
            ("doctor", "ask the instance whether everything fits"),
        ):
            action = actions.add_parser(name, help=text)
            action.add_argument(
                "--site", help="the site's address, for example https://backend.example.com"
            )
            if name != "doctor":
                action.add_argument("--name", default="", help="what to call the site")
            if name == "register":
                action.add_argument("--json", action="store_true", help="for a program to read")
        actions.add_parser("prune", help="delete the rows of sign-ins that are over")

    def handle(self, *_args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action.replace('-', '_')}")(options)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        except NoReverseMatch:
            raise CommandError(" ".join(URLS_MISSING)) from None

    def _register(self, options: dict[str, Any]) -> None:
        site, secret = _site(options), registration.new_application_secret()
        application = registration.trusted_application(site, secret, name=options["name"])
        if options["json"]:
            told = {"ApplicationSecret": secret, "TrustedApplication": application}
            self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
            return
        width = max(map(len, application))
        lines = [f"  {name:<{width}}  {_shown(value)}" for name, value in application.items()]
        self.stdout.write(
            "Client secret, shown this once. Keep it where the site's other secrets are, as the\n"
            "environment variable that your settings read APPLICATION_SECRET from:\n\n"
            f"  ERPNET_APPLICATION_SECRET={secret}\n\n"
            "Trusted Application to ask for. Paste it into a ticket to the instance's\n"
            "administrators; it holds the secret's hash, never the secret:\n\n" + "\n".join(lines)
        )
        if conf.post_logout_url is None:
            self.stdout.write(
                "\nSo that visitors come back to the site after sign-out, set\n\n"
                f'  ERPNET_INSTANCEID["POST_LOGOUT_URL"] = "{application["ImpersonateLogoutUrl"]}"'
            )
        self.stdout.write(
            "\nOnce it is registered, with the secret in the environment:\n\n"
            f"  python manage.py migrate\n  python manage.py instanceid doctor --site {site}"
        )

    def _install_link(self, options: dict[str, Any]) -> None:
        self.stdout.write(registration.install_link(_site(options), name=options["name"]))

    def _doctor(self, options: dict[str, Any]) -> None:
        site = _site(options) if options["site"] else ""
        self.check(display_num_errors=True)
        styles = {"ok": self.style.SUCCESS, "look": self.style.WARNING, "BAD": self.style.ERROR}
        bad = 0
        for finding in diagnostics.examine(site):
            bad += finding.mark == "BAD"
            self.stdout.write(styles[finding.mark](f"{finding.mark:<6}") + finding.what)
            if finding.mark != "ok" and finding.cure:
                self.stdout.write(textwrap.indent(finding.cure, " " * 6))
        if bad:
            raise CommandError(f"{bad} of these have to be put right.")

    def _prune(self, _options: dict[str, Any]) -> None:
        if not diagnostics.has_tables():
            raise CommandError(diagnostics.TABLES_MISSING)
        self.stdout.write(f"{prune()} rows deleted.")


def _site(options: dict[str, Any]) -> str:
    site = options["site"] or registration.site_address()
    if not site:
        raise CommandError("Give the site's address: --site https://backend.example.com")
    if not is_safe_address(site):
        raise CommandError("The site's address must start with https://, and name a host.")
    if "?" in site or "#" in site:
        raise CommandError("The site's address must not have a query: leave out '?' or '#'.")
    return str(site)


def _shown(value: object) -> str:
    return "" if value is None else str(value)
