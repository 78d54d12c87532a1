"""Firefox, told what to do by Marionette, its own remote protocol. No driver is needed for it."""

import json
import socket
import subprocess
import time
from contextlib import closing, contextmanager

from .frames import HOSTS
from .steps import EMPLOYEE

PREFERENCES = {"marionette.port": 0, "network.dns.localDomains": ",".join(HOSTS)}
PATIENCE = 20  # seconds
# A click on a page that is still loading may miss.
SHOWS = """return document.readyState == "complete"
    && document.body.innerText.includes(arguments[0])"""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
COOKIES = """return Services.cookies.cookies.filter(cookie => cookie.host == "site.test")
    .map(cookie => [cookie.name, cookie.isPartitioned])"""


class FirefoxError(Exception):
    """What Firefox answers in place of a result."""


class Firefox:
    """A Firefox at one page, which shows the site in a frame."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._read()
        self.tell("NewSession", acceptInsecureCerts=True, timeouts={"implicit": PATIENCE * 1000})
        self.page = self.tell("GetWindowHandle")["value"]

    def close(self):
        self._stream.close()
        self._socket.close()

    def tell(self, command, **parameters):
        """Carries out a command of WebDriver."""
        return self._ask(f"WebDriver:{command}", parameters)

    def _ask(self, command, parameters):
        text = json.dumps([0, 1, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _kind, _id, error, result = self._read()
        if error:
            raise FirefoxError(error["error"], error["message"])
        return result

    def _read(self):
        length = b""
        while (byte := self._stream.read(1)) != b":":
            length += byte
        return json.loads(self._stream.read(int(length)))

    def visit(self, address):
        self.leave_frame()
        self.tell("Navigate", url=address)

    def reload(self):
        self.leave_frame()
        self.tell("Refresh")

    def leave_frame(self):
        self.tell("SwitchToWindow", handle=self.page)
        self.tell("SwitchToFrame")

    def enter_frame(self):
        """From here on, `click` looks into the frame."""
        self.leave_frame()
        self.tell("SwitchToFrame", element=self._find("//iframe"))

    def click(self, xpath):
        self.tell("ElementClick", id=self._find(xpath))

    def expect(self, text):
        """Waits until the frame shows the text, on a page that has loaded."""
        _wait_until(lambda: self._shows(text), text)

    def choose(self, person=EMPLOYEE):
        """Signs in in the popup, which then closes."""
        _wait_until(lambda: len(self.tell("GetWindowHandles")) == 2, "a popup")
        (popup,) = set(self.tell("GetWindowHandles")) - {self.page}
        self.tell("SwitchToWindow", handle=popup)
        self.click(f"//button[contains(., '{person}')]")
        _wait_until(lambda: len(self.tell("GetWindowHandles")) == 1, "no popup")

    def cookies(self):
        """The site's cookies: whether they are partitioned, by their names."""
        self._ask("Marionette:SetContext", {"value": "chrome"})
        found = self.tell("ExecuteScript", script=COOKIES, args=[])["value"]
        self._ask("Marionette:SetContext", {"value": "content"})
        return dict(found)

    def _find(self, xpath):
        found = self.tell("FindElement", using="xpath", value=xpath)
        return str(found["value"][ELEMENT])

    def _shows(self, text):
        try:
            self.enter_frame()
            return bool(self.tell("ExecuteScript", script=SHOWS, args=[text])["value"])
        except FirefoxError:  # The frame goes on to another page.
            return False


@contextmanager
def run_firefox(program, folder):
    """Runs Firefox without a window, with a profile as new and its default protection."""
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    # The last one is to see whether a cookie is partitioned.
    options = ["--headless", "--marionette", "--no-remote", "--remote-allow-system-access"]
    with (
        (folder / "firefox.log").open("w") as log,
        subprocess.Popen(
            [program, *options, "--profile", str(folder)], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            chosen = folder / "MarionetteActivePort"
            _wait_until(lambda: chosen.exists() and bool(chosen.read_text()), "Firefox")
            with closing(Firefox(int(chosen.read_text()))) as firefox:
                yield firefox
        finally:
            process.terminate()


def _wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)
