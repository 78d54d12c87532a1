"""The Domain API: a small part of the instance's OData service."""
