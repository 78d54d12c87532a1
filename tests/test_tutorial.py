"""docs/tutorial.rst followed to the letter, and then the tests of docs/testing.rst."""

import os
import sys
import time
from contextlib import ExitStack, closing

import pytest

from .example_project.conftest import free_port, port_is_open
from .support.demo import ROOT, read_until, run_program, run_python
from .support.printed import DOCS, blocks
from .support.visitor import Visitor

PAGE = DOCS / "tutorial.rst"
SITE_PORT, INSTANCE_PORT = "8000", "8900"


class Reader:
    """Somebody who pastes each block where the tutorial says."""

    def __init__(self, folder, servers):
        self.folder, self.servers = folder, servers
        # Other tests, and whoever runs them, have servers at the printed ports.
        self.ports = {SITE_PORT: str(free_port()), INSTANCE_PORT: str(free_port())}
        self.environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
        del self.environment["DJANGO_SETTINGS_MODULE"]

    def follow(self, block):
        text = block.text
        for printed, port in self.ports.items():
            text = text.replace(printed, port)
        if block.language == "console":
            for line in text.splitlines():
                self.type(line)
        elif block.caption:
            self.paste(block.caption, text)

    def paste(self, caption, text):
        name, _, at_the_end = caption.partition(", at the end")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if ", at the end" in caption else "w", encoding="utf-8") as file:
            file.write(("\n" if at_the_end else "") + text)

    def type(self, line):
        words = line.split()
        if words[0] in ("python3", ".", "pip"):
            # This environment has been made already.
            return
        arguments = [*{"python": [], "django-admin": ["-m", "django"]}[words[0]], *words[1:]]
        if "runserver" in words:
            self.serve([*arguments, "--noreload"], self.ports[SITE_PORT])
        elif words[-1] == "erpnet_instanceid.testing":
            port = self.ports[INSTANCE_PORT]
            self.serve([*arguments, f"--port={port}"], port, ready="Ctrl+C")
        else:
            self.run(*arguments)

    def run(self, *arguments):
        return run_python(*arguments, cwd=self.folder, env=self.environment)

    def serve(self, arguments, port, ready=""):
        # The command line's own folder is the first place that Python looks for modules in.
        command = ["env", f"--chdir={self.folder}", sys.executable, *arguments]
        process = self.servers.enter_context(run_program(command, self.environment))
        if ready:
            read_until(process, ready)
        while not port_is_open(f"http://localhost:{port}") and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None


@pytest.fixture
def reader(tmp_path):
    with ExitStack() as servers:
        yield Reader(tmp_path, servers)


def test_an_empty_folder_becomes_a_tested_page_of_customers(reader):
    for block in blocks(PAGE):
        reader.follow(block)
    told = reader.run("manage.py", "check", "--fail-level=WARNING")
    assert "no issues" in told
    with closing(Visitor(f"http://localhost:{reader.ports[SITE_PORT]}")) as visitor:
        assert visitor.get("/").headers["Location"] == "/signin?next=/"
        assert visitor.sign_in("maria", "/").headers["Location"] == "/"
        page = visitor.get("/").text
        assert "Мария" in page
        assert page.count("<li>") == 20
        left = visitor.post("/signout")
        assert left.headers["Location"].startswith(
            f"http://127.0.0.1:{reader.ports[INSTANCE_PORT]}/id/connect/endsession?"
        )
        back = visitor.at_instance.get(left.headers["Location"], allow_redirects=False)
        assert back.headers["Location"].startswith(f"{visitor.site}/signout-callback?")
        assert visitor.get("/").status_code == 302
    # The tests of docs/testing.rst pass on that site.
    for block in blocks(DOCS / "testing.rst"):
        if block.caption:
            reader.follow(block)
    reader.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "crm")
    reader.run("manage.py", "test")
