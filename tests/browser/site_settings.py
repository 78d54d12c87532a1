"""The example site's settings, with the ones that the tests vary."""

from shop.settings import *  # noqa: F403
from shop.settings import SESSION_COOKIE_SAMESITE

ROOT_URLCONF = "tests.browser.site_urls"

if SESSION_COOKIE_SAMESITE == "None":
    # Browsers refuse it otherwise; on http://localhost they keep such a cookie all the same.
    SESSION_COOKIE_SECURE = True
    # Varied along with it: the app's own page after sign-out, which the example site passes over.
    LOGOUT_REDIRECT_URL = None
