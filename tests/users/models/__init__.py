"""User models as sites have them. Each is an app whose name is its AUTH_USER_MODEL's label."""
