"""The ids of the system checks, as the code gives them."""

import re
from pathlib import Path

from erpnet_instanceid import checks

CALL = re.compile(r"\b(error|warning)\(\s*(\d+)")


def check_ids():
    modules = Path(checks.__file__).parent.glob("*.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    return [f"{kind[0].upper()}{int(number):03d}" for kind, number in CALL.findall(source)]
