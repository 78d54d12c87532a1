from typing import Any

from django.core.management.base import BaseCommand, CommandError

from erpnet_instanceid.api import service_api
from erpnet_instanceid.errors import InstanceIDError
from shop.customers import CUSTOMERS


class Command(BaseCommand):
    help = "Counts the instance's customers, as the shop itself: at night nobody is signed in."

    def handle(self, **_: Any) -> None:
        try:
            count = sum(1 for _ in service_api().items(CUSTOMERS, {"$select": "Id"}))
        except InstanceIDError as error:
            raise CommandError(f"The instance did not let the shop count: {error}") from error
        self.stdout.write(f"The instance has {count} customers.")
