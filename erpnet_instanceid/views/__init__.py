"""HTTP only: requests in, responses out. The protocol is in `oidc`, the users in `backends`."""
