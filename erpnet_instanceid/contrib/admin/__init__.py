"""Django's admin with the instance as its way in. In INSTALLED_APPS, in place of Django's own."""
