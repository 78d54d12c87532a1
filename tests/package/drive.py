"""Signs in to the site of one file. Runs where the wheel is installed with its extra `testing`."""

import os
import subprocess
import sys
from urllib.parse import urljoin

import requests

from erpnet_instanceid.testing import run_instance, visit


def main(python, site, folder):
    with run_instance() as instance:
        environment = {"PATH": os.environ["PATH"], **instance.settings()}
        process = subprocess.Popen(
            [python, site, folder], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            sign_in(f"http://localhost:{process.stdout.readline().strip()}")
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


def sign_in(site):
    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers["Accept"] = "text/html"
        started = browser.get(site, allow_redirects=False)
        started = browser.get(urljoin(site, started.headers["Location"]), allow_redirects=False)
        answer = visit(started.headers["Location"], "maria")
        relayed = browser.post(answer.url, data=answer.fields, allow_redirects=False)
        assert relayed.status_code == 303, (relayed.status_code, relayed.text)
        arrived = browser.get(urljoin(site, relayed.headers["Location"]))
        assert arrived.text == "hello maria", arrived.text
        style = browser.get(f"{site}/static/erpnet_instanceid/pages.css")
        assert style.status_code == 200, style
        page = browser.get(f"{site}/signout", headers={"Accept-Language": "bg"})
        assert page.status_code == 200, page
        assert "Изход" in page.text, page.text
    print("signed in")


if __name__ == "__main__":
    main(*sys.argv[1:])
