"""The database connections that a renewal works on."""

from contextvars import ContextVar

import pytest
from django.db import transaction

from erpnet_instanceid.models import SignIn
from erpnet_instanceid.tokens.connections import beside_transaction
from erpnet_instanceid.tokens.renewal import renew


@pytest.mark.django_db(transaction=True)
def test_rollback_without_autocommit_undoes_no_renewal(client, instance_sign_in):
    """The site has switched autocommit off, and commits by itself."""
    instance_sign_in(client, "maria")
    pk = SignIn.objects.get().pk
    transaction.set_autocommit(False)
    try:
        assert renew(pk, 1, wait=True) is not None
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert SignIn.objects.get().generation == 2


@pytest.mark.django_db(transaction=True)
def test_other_thread_has_the_callers_context():
    """A site may choose a role or a schema by it, for each new connection."""
    role = ContextVar("role")
    role.set("of the caller")
    with transaction.atomic():
        assert beside_transaction(role.get) == "of the caller"
