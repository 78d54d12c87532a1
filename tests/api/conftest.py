"""Sessions that call the instance without a visitor."""

import pytest

from erpnet_instanceid.api import service_api
from erpnet_instanceid.api.session import open_session


class OneToken:
    def current(self):
        return "the visitor's token"

    def newer_than(self, refused):
        return None


@pytest.fixture
def api(instance):
    return open_session(OneToken())


@pytest.fixture
def service(instance, configure):
    instance.application.system_user_allowed = True
    configure(SERVICE_SCOPE="read update")
    return service_api()
