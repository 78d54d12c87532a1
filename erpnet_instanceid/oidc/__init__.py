"""OpenID Connect as the Instance ID speaks it. Knows neither Django nor the rest of the app."""
