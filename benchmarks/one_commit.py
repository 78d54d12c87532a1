"""The process of one commit for `benchmarks.beside`: makes calls whenever it is told to.

It asks for what every commit has. Which commit it is of, the working directory decides.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django
from django.conf import settings

from .measure import at_depth

CALLS = 10
WARM_UP = 50


def main(instance: dict[str, Any]) -> None:
    apps = ["django.contrib.auth", "django.contrib.contenttypes", "erpnet_instanceid"]
    settings.configure(
        SECRET_KEY="k" * 50, DEBUG=True, INSTALLED_APPS=apps, ERPNET_INSTANCEID=instance
    )
    django.setup()
    from erpnet_instanceid.api import service_api

    api = service_api()

    def calls(count: int) -> float:
        start = time.thread_time()
        for _ in range(count):
            api.get("/api/domain/odata/Crm_Sales_Customers", params={"$top": "10"})
        return (time.thread_time() - start) / count

    calls(WARM_UP)
    print("ready", flush=True)
    for depth in sys.stdin:
        print(at_depth(int(depth), lambda: calls(CALLS)), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
