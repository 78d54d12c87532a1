"""The customers of a site with django-tenants: each has a schema and a host of their own."""
