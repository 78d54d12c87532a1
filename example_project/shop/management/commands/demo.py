import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from erpnet_instanceid.testing import Instance, run_instance

MANAGE = str(settings.BASE_DIR / "manage.py")
BANNER = """
  The shop:      http://localhost:{port}/
  The instance:  {instance.url}/  (a stand-in)

  People to sign in as, without a password:
{people}

  The nightly job, from another terminal:
    {environment} {nightly}

  Ctrl-C stops both.
"""


class Command(BaseCommand):
    help = "Runs the shop and a stand-in instance side by side, until Ctrl-C."
    # They would judge this process; the shop is another one, with the demo's settings.
    requires_system_checks = []
    stopping = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the shop's, 0 for a free one")
        parser.add_argument(
            "--instance-port", type=int, default=8001, help="the stand-in's, 0 for a free one"
        )
        parser.add_argument(
            "--database", type=Path, help="an SQLite file to keep; without it, one thrown away"
        )
        parser.add_argument(
            "--control", action="store_true", help="let other processes change the stand-in"
        )
        parser.add_argument(
            "--licences", type=int, help="how many people and jobs may be at work in it at once"
        )

    def handle(
        self,
        *,
        port: int,
        instance_port: int,
        database: Path | None,
        control: bool,
        licences: int | None,
        **_: Any,
    ) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self.stop)

        # Two hosts, because browsers tell sites apart by host and not by port: cookies behave
        # between these two as they do between a company's shop and its ERP.
        port = self.free_port("localhost", port)
        instance_port = self.free_port("127.0.0.1", instance_port)
        with (
            TemporaryDirectory() as directory,
            run_instance(port=instance_port, control=control) as instance,
        ):
            instance.licence_slots = licences
            os.environ.update(
                erpnet_settings(instance),
                DJANGO_DEBUG="1",
                DJANGO_DATABASE=str(database or Path(directory, "demo.sqlite3")),
            )
            with manage("migrate", "--verbosity=0") as migration:
                self.wait_for(migration)
            if migration.returncode and not self.stopping:
                raise CommandError("The database could not be migrated.")
            with manage("runserver", "--noreload", f"localhost:{port}") as shop:
                self.wait_for(shop, or_else=lambda: listens("localhost", port))
                if shop.poll() is None and not self.stopping:
                    self.stdout.write(banner(port, instance))
                    self.stdout.flush()
                self.wait_for(shop)
            if not self.stopping:
                raise CommandError("The shop stopped by itself.")
        self.stdout.write("Stopped.")

    def free_port(self, host: str, port: int) -> int:
        """`port`, or another one if that is taken."""
        try:
            return bound_port(host, port)
        except OSError:
            free = bound_port(host, 0)
        self.stderr.write(f"{host}:{port} is taken. Using port {free} in its place.")
        return free

    def stop(self, *_: object) -> None:
        # Only a note: an exception from here could hit the lines that end a child.
        self.stopping = True

    def wait_for(
        self, child: subprocess.Popen[bytes], or_else: Callable[[], bool] = lambda: False
    ) -> None:
        while not self.stopping and child.poll() is None and not or_else():
            time.sleep(0.1)


@contextmanager
def manage(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child that runs a management command, and is gone when the block ends."""
    child = subprocess.Popen(
        [sys.executable, MANAGE, *arguments],
        stdout=subprocess.DEVNULL,
        # Ctrl-C reaches every process of the terminal's group; this one is for us to end.
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def bound_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises OSError if another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def erpnet_settings(instance: Instance) -> dict[str, str]:
    return {f"ERPNET_{key}": value for key, value in instance.settings().items()}


def banner(port: int, instance: Instance) -> str:
    people = (
        f"    {person.login:<13}{person.name}, {person.user_type}"
        f"{', administrator' if person.is_admin else ''}"
        for person in instance.people.offered()
    )
    environment = {**erpnet_settings(instance), "DJANGO_DEBUG": "1"}
    return BANNER.format(
        port=port,
        instance=instance,
        people="\n".join(people),
        environment=" ".join(f"{name}={value}" for name, value in environment.items()),
        nightly=shlex.join([sys.executable, MANAGE, "nightly"]),
    )
