"""``manage.py instanceid``: registers the site, examines it, deletes old rows, moves accounts."""

from __future__ import annotations

import argparse
import dataclasses
import json
import textwrap
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.urls import NoReverseMatch

from erpnet_instanceid.checks import URLS_MISSING, errors_in_given_keys
from erpnet_instanceid.management import doctor, move, registration
from erpnet_instanceid.oidc.provider import is_safe_address
from erpnet_instanceid.pages.targets import is_own_path
from erpnet_instanceid.tokens.pruning import prune

ACTIONS = {
    "register": "make a client secret, and print the registration to ask for",
    "install-link": "print the address where an administrator registers the site",
    "doctor": "ask the instance and the site whether everything fits",
    "prune": "delete the rows of sign-ins that are over",
    "move": "carry the accounts over from the instance's former address",
}
INSTALL_LINK_HINT = (
    "An administrator of the instance opens this address and confirms the registration. The "
    "instance then knows the application, and no secret: the administrator enters the "
    "ApplicationSecretHash that 'register' prints. Run 'doctor' afterwards."
)
DOCTOR_STATUS = (
    "Exit status: 0 if nothing has to be put right, 1 if a line is marked BAD or the examination "
    "cannot be made, 2 if an option is wrong."
)


class Command(BaseCommand):
    help = "Registers this site at its ERP.net instance, examines the setup, deletes old rows."
    # The settings of a site that is not registered yet cannot pass the checks.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        # For handle(), which prints the help if no action is given.
        parser.set_defaults(print_help=parser.print_help)
        actions = parser.add_subparsers(dest="action", metavar="action")
        for name, text in ACTIONS.items():
            action = actions.add_parser(
                name,
                help=text,
                description=f"{text[0].upper()}{text[1:]}.",
                epilog=DOCTOR_STATUS if name == "doctor" else None,
                parents=[_general_options()],
            )
            _add_options(action, name)

    def handle(self, *_args: Any, action: str | None, print_help: Any, **options: Any) -> None:
        if action is None:
            print_help(self.stdout)
            return
        try:
            getattr(self, f"_{action.replace('-', '_')}")(options)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        except NoReverseMatch:
            raise CommandError(" ".join(URLS_MISSING)) from None

    def _register(self, options: dict[str, Any]) -> None:
        _refuse_wrong_settings()
        site, secret = _site(options), registration.new_application_secret()
        application = registration.trusted_application(
            site, secret, name=options["name"], service=options["service"]
        )
        if options["json"]:
            self._write_json({"ApplicationSecret": secret, "TrustedApplication": application})
            return
        width = max(map(len, application))
        lines = [f"  {name:<{width}}  {_shown(value)}" for name, value in application.items()]
        self.stdout.write(
            "Client secret. It is shown only now: keep it where the site's other secrets are, in\n"
            "the environment variable that your settings read APPLICATION_SECRET from.\n\n"
            f"  ERPNET_APPLICATION_SECRET={secret}\n\n"
            "Trusted Application to ask for. Paste it into a ticket to the instance's\n"
            "administrators. It contains the secret's hash, and never the secret.\n\n"
            + "\n".join(lines)
        )
        if application["SystemUserAllowed"]:
            self.stdout.write(
                "\nSystemUser: the instance's administrators choose the user that service_api() "
                "calls as."
            )
        self._write_prefix(site)
        self.stdout.write(
            "\nWhen it is registered, and the secret is in the environment:\n\n"
            f"  python manage.py migrate\n  python manage.py instanceid doctor --site {site}"
        )

    def _write_prefix(self, site: str) -> None:
        prefix = urlsplit(site).path.rstrip("/")
        if prefix:
            self.stdout.write(
                f"\nThe two addresses begin with {prefix}, as --site does. This is right only if "
                f"visitors\nfind the whole site below {prefix}."
            )

    def _install_link(self, options: dict[str, Any]) -> None:
        _refuse_wrong_settings()
        link = registration.install_link(
            _site(options), name=options["name"], service=options["service"]
        )
        self.stdout.write(link)
        # Beside the link, so that a script can use what stands on stdout.
        self.stderr.write(INSTALL_LINK_HINT, str)

    def _doctor(self, options: dict[str, Any]) -> None:
        site = _site(options) if options["site"] else ""
        findings = []
        for finding in doctor.examine(site):
            findings.append(finding)
            if not options["json"]:
                self._write_finding(finding)
        next_step = doctor.next_step(findings, site)
        if options["json"]:
            told = [dataclasses.asdict(finding) for finding in findings]
            self._write_json({"findings": told, "next": next_step})
        bad = sum(finding.mark == "BAD" for finding in findings)
        if bad:
            raise CommandError(f"{bad} of these must be put right. {next_step}")
        if not options["json"]:
            self.stdout.write(next_step)

    def _write_finding(self, finding: doctor.Finding) -> None:
        style = {"ok": self.style.SUCCESS, "look": self.style.WARNING, "BAD": self.style.ERROR}
        self.stdout.write(style[finding.mark](f"{finding.mark:<6}") + finding.text)
        if finding.cure:
            self.stdout.write(textwrap.indent(finding.cure, " " * 6))

    def _write_json(self, value: object) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))

    def _prune(self, _options: dict[str, Any]) -> None:
        _need_tables()
        self.stdout.write(f"{prune()} rows deleted.")

    def _move(self, options: dict[str, Any]) -> None:
        _need_tables()
        planned = move.plan(options["issuer"])
        if planned.issuer == planned.to:
            raise CommandError(
                "The site is configured for this issuer already: name the former one."
            )
        if not planned.carried:
            known = ", ".join(move.known_issuers()) or "none"
            named = (
                f"No account is of {options['issuer']}." if options["issuer"] else "Give --from."
            )
            raise CommandError(f"{named} Issuers of accounts: {known}.")
        self._write_move(planned)
        if options["interactive"] and not _is_confirmed():
            raise CommandError("Nothing was changed.")
        move.carry_out(planned)
        self.stdout.write("Done.")

    def _write_move(self, planned: move.Move) -> None:
        self.stdout.write(
            f"{len(planned.carried)} accounts of {planned.issuer}\n"
            f"will be accounts of {planned.to}: these people keep their users.\n"
            f"{planned.open_sign_ins} open sign-ins will end."
        )
        names = sorted(account.user.get_username() for account in planned.seconds())
        if names:
            self.stdout.write(
                f"{len(names)} of these people have signed in at the new address already, and got "
                "a second user.\nThey will get their former users back. The second ones stay, "
                f"without a person: {', '.join(names)}"
            )


def _refuse_wrong_settings() -> None:
    # The registration follows the settings. A missing key is no error: the registration brings it.
    for message in errors_in_given_keys():
        raise CommandError(f"{message.msg} {message.hint}")


def _need_tables() -> None:
    try:
        found = doctor.has_tables()
    except DatabaseError as error:
        raise CommandError(f"The database does not answer: {error}".strip()) from None
    if not found:
        raise CommandError(doctor.TABLES_MISSING)


def _is_confirmed() -> bool:
    try:
        return (
            input("Only people of the same instance may be moved. Type 'yes' to go on: ") == "yes"
        )
    except EOFError:
        raise CommandError("Nobody is there to confirm it: use --no-input.") from None


class _OptionsOnly(BaseCommand):
    requires_system_checks = ()


def _general_options() -> CommandParser:
    """Django's own options (--settings, -v, …), for use after the action too.

    They have no default there, so that a value given before the action stays.
    """
    parser = _OptionsOnly().create_parser(
        "manage.py",
        "instanceid",
        add_help=False,
        argument_default=argparse.SUPPRESS,
        conflict_handler="resolve",
    )
    # Django's own -v has a default, whatever the parser says.
    parser.add_argument(
        "-v",
        "--verbosity",
        type=int,
        choices=range(4),
        default=argparse.SUPPRESS,
        help="how much to print, from 0 to 3",
    )
    return parser


def _add_options(action: argparse.ArgumentParser, name: str) -> None:
    if name == "prune":
        return
    if name == "move":
        action.add_argument(
            "--from", dest="issuer", default="", help="the former issuer, as the accounts name it"
        )
        action.add_argument(
            "--no-input",
            "--noinput",
            dest="interactive",
            action="store_false",
            help="do not ask for confirmation",
        )
        return
    action.add_argument(
        "--site", help="the address of the site, for example https://backend.example.com"
    )
    if name in ("register", "install-link"):
        action.add_argument("--name", default="", help="the site's name at the instance")
        action.add_argument(
            "--service", action="store_true", help="let the application call APIs as itself"
        )
    if name in ("register", "doctor"):
        action.add_argument("--json", action="store_true", help="print JSON, for programs")


def _site(options: dict[str, Any]) -> str:
    site = str(options["site"] or registration.site_address())
    if not site:
        raise CommandError("Give the site's address: --site https://backend.example.com")
    if not is_safe_address(site):
        raise CommandError(
            f"{site} is not the address of a site. Write it as https://backend.example.com, or as "
            "http://localhost:8000 for this machine."
        )
    if "?" in site or "#" in site:
        raise CommandError("The site's address must not have a query: leave out '?' or '#'.")
    path = urlsplit(site).path
    if is_own_path(path):
        raise CommandError(f"Give the address of the site and not of a page: leave out {path}")
    try:
        return registration.as_browsers_write(site)
    except UnicodeError:
        raise CommandError("The site's address names a host that no browser accepts.") from None


def _shown(value: object) -> str:
    return "" if value is None else str(value)
