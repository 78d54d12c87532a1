"""An app whose process has a clock that is wrong by CLOCK_AHEAD_SECONDS."""

from datetime import timedelta

import time_machine
from django.conf import settings

# For the life of the process.
time_machine.travel(timedelta(seconds=settings.CLOCK_AHEAD_SECONDS), tick=True).start()
