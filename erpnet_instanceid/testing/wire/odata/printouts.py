"""GetPrintout: a document as a file. ErpNetDocs, model, General.Documents.Documents."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from ...world.entities import EntitySet, Row
from ...world.refusals import ApiRefusalError, in_language, not_found
from ...world.state import World
from .calls import ODATA_ROOT, ApiAnswer, ApiCall, plain_text

_PAGE = (
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
    "/Resources << /Font << /F1 5 0 R >> >> >>"
)
_TITLES = {"en": "Sales order", "bg": "Поръчка за продажба"}
# The ready fonts of PDF have no Cyrillic letters.
_LATIN_TITLES = {"en": "Sales order", "bg": "Porachka za prodazhba"}


def get_printout(world: World, entity: EntitySet, key: str, call: ApiCall) -> ApiAnswer:
    """The file as Base64, or as `World.printout_answer` says."""
    if "DocumentNo" not in entity.fields:
        raise not_found(call.path)
    row = world.data.row(entity, key, call.transaction)
    file_format = call.json().get("fileFormat") or "pdf"
    if file_format not in _MAKERS:
        known = ", ".join(sorted(_MAKERS))
        raise ApiRefusalError(f"The stand-in prints {known}, not '{file_format}'.")
    make, content_type = _MAKERS[file_format]
    content = make(row, call.language)
    if world.printout_answer == "file":
        name = f'attachment; filename="{row["DocumentNo"]}.{file_format}"'
        headers = {"Content-Disposition": name}
        return ApiAnswer(content=content, content_type=content_type, headers=headers)
    encoded = base64.b64encode(content).decode()
    if world.printout_answer == "text":
        return plain_text(encoded)
    context = f"{world.url}{ODATA_ROOT}$metadata#Edm.String"
    return ApiAnswer(value={"@odata.context": context, "value": encoded})


def _lines(row: Row, title: str) -> list[str]:
    amount = row["TotalAmount"]
    return [
        f"{title} {row['DocumentNo']}",
        str(row["DocumentDate"])[:10],
        f"{amount['Value']:.2f} {amount['Currency']}",
    ]


def _text(row: Row, language: str) -> bytes:
    return "\r\n".join(_lines(row, in_language(_TITLES, language))).encode()


def _html(row: Row, language: str) -> bytes:
    lines = "".join(f"<p>{line}</p>" for line in _lines(row, in_language(_TITLES, language)))
    return f'<!doctype html><html lang="{language}"><meta charset="utf-8">{lines}</html>'.encode()


def _pdf(row: Row, language: str) -> bytes:
    """One page. PDF 32000-1:2008, annex H.2."""
    lines = _lines(row, in_language(_LATIN_TITLES, language))
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 14 Tf 20 TL 72 770 Td {shown} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    return _assemble_pdf(objects).encode("ascii")


def _assemble_pdf(objects: list[str]) -> str:
    pdf, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(pdf))
        pdf += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(pdf)}\n%%EOF\n"
    return f"{pdf}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"


_MAKERS: Mapping[str, tuple[Callable[[Row, str], bytes], str]] = {
    "pdf": (_pdf, "application/pdf"),
    "html": (_html, "text/html; charset=utf-8"),
    "txt": (_text, "text/plain; charset=utf-8"),
}
