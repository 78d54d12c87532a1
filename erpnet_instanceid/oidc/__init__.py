"""OpenID Connect as the Instance ID speaks it. Imports neither Django nor the rest of the app."""
