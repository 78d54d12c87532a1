"""README.rst, followed to the letter by somebody with a new project."""

import os
import re
import textwrap

from .support.demo import ROOT, run_python

README = (ROOT / "README.rst").read_text(encoding="utf-8")
SITE = "https://backend.example.com"


def block(word):
    """The one indented block of the README that has this word."""
    found = re.findall(r"::\n\n((?:(?: {4}.*)?\n)+)", README)
    (text,) = [text for text in found if word in text]
    return textwrap.dedent(text).strip() + "\n"


def commands(word):
    lines = [line.split() for line in block(word).splitlines()]
    return [line[1:] for line in lines if line[0] == "python"]


class Project:
    """What ``django-admin startproject`` makes."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        del self.environment["DJANGO_SETTINGS_MODULE"]
        self.run("-m", "django", "startproject", "backend", ".")

    def append(self, name, text):
        with (self.folder / "backend" / name).open("a", encoding="utf-8") as file:
            file.write("\n" + text)

    def run(self, *arguments):
        return run_python(*arguments, cwd=self.folder, env=self.environment)


def test_a_new_project_gets_as_far_as_a_content_doctor(instance, tmp_path):
    project = Project(tmp_path)
    settings = block("INSTALLED_APPS +=")
    assert "https://mycompany.my.erp.net" in settings
    project.append("settings.py", settings.replace("https://mycompany.my.erp.net", instance.url))
    project.append("urls.py", block("urlpatterns +="))
    project.append("views.py", block("def customers"))
    project.append("urls.py", "from .views import customers\n")

    (register,) = commands("instanceid register")
    told = project.run(*register)
    secret = re.search(r"ERPNET_APPLICATION_SECRET=(\S+)", told)[1]
    instance.register(
        application_uri="backend.example.com", secret=secret, login_urls=[f"{SITE}/signin-callback"]
    )
    project.environment["ERPNET_APPLICATION_SECRET"] = secret
    migrate, doctor = commands("instanceid doctor")
    project.run(*migrate)
    told = project.run(*doctor)
    assert "BAD" not in told
    assert f"The instance answers sign-ins to {SITE}/signin-callback" in told


def test_links_lead_to_files_of_the_project():
    links = re.findall(r"<([^>]+)>`_|^\.\. image:: (\S+)", README, flags=re.M)
    for link in ("".join(found) for found in links):
        assert (ROOT / link).is_file(), link


def test_commands_for_a_clone_stand_on_one_line_each():
    for word in ("manage.py demo", "bin/tox"):
        assert len(block(word).splitlines()) == 1
