from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from erpnet_instanceid.api import service_api
from erpnet_instanceid.errors import InstanceIDError
from shop.customers import CUSTOMERS


class Command(BaseCommand):
    help = "Adds up the customers' credit, as the shop itself: at night nobody is signed in."

    def handle(self, **_: Any) -> None:
        count, credit = 0, Decimal(0)
        try:
            for customer in service_api().items(CUSTOMERS, {"$select": "CreditLimit"}):
                count += 1
                credit += Decimal(str(customer["CreditLimit"] or 0))
        except InstanceIDError as error:
            raise CommandError(f"The instance did not let the shop count: {error}") from error
        self.stdout.write(f"The instance has {count} customers, with a credit of {credit}.")
