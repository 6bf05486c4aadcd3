"""Writes docs/api.md from the description of the HTTP interface (`service.interface`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from service.interface.boards import GUARDED
from service.interface.openapi import OPERATIONS, SCHEMES, TAGS, TEXT, openapi
from service.interface.operations import Operation, anywhere
from service.interface.parameters import Parameter
from service.interface.schemas import AT
from service.interface.webhooks import PROOFS
from service.problems import Problem

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "api.md"

HEAD: Final = f"""# The HTTP interface

`make reference` writes this page from the code. The service has the same for everybody as `/openapi.json`
(OpenAPI 3.1) and, of the streams of events, as `/asyncapi.json` (AsyncAPI 3.0); `lossboard openapi` prints
them without a server. What a client does with a stream is in [live-protocol.md](reference/live-protocol.md).

{TEXT}

The examples take the service's address from `$BOARD`, such as `https://board.example`, and tokens from the
environment.

## Access

| operations | what proves who asks |
| --- | --- |"""

EXAMPLES: Final[Mapping[str, str]] = {
    "takeWebhook": """\
body='{"type": "deal.changed", "timestamp": "2026-11-23T10:00:00Z",
       "data": {"id": "42", "name": "Subscription", "status": "open", "amount": "5184.00"}}'
id=msg_1
now=$(date +%s)
key=$(printf %s "${OFFICE_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
signature=$(printf %s "$id.$now.$body" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
curl --fail-with-body -sS "$BOARD/webhooks/office" \\
  -H 'content-type: application/json' --data-binary "$body" \\
  -H "webhook-id: $id" -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature"
""",
    "getSnapshot": """\
curl --fail-with-body -sS -H "Authorization: Bearer $TOKEN" "$BOARD/boards/office/snapshot?period=week"
""",
    "followBoard": """\
curl -sSN -H "Authorization: Bearer $TOKEN" "$BOARD/boards/office/events?period=month" | head -n 5
""",
    "followBoards": """\
curl -sSNG -H "Authorization: Bearer $TOKEN" "$BOARD/events" \\
  --data-urlencode 'view=office?period=month' --data-urlencode 'view=office?period=week' | head -n 6
""",
    "classifyReason": """\
curl --fail-with-body -sS -H "Authorization: Bearer $EDITOR_TOKEN" "$BOARD/boards/office/reasons" \\
  -H 'content-type: application/json' --data '{"reason": "Too expensive", "kind": "controllable"}'
""",
    "listDeals": """\
curl --fail-with-body -sSG -H "Authorization: Bearer $TOKEN" "$BOARD/boards/office/deals.csv" \\
  --data-urlencode 'kind=controllable' --data-urlencode 'order=amount' --data-urlencode 'desc=1'
""",
    "getReadiness": """\
curl --fail-with-body -sS "$BOARD/readyz"
""",
    "getMetrics": """\
curl --fail-with-body -sS -H "Authorization: Bearer $METRICS_TOKEN" "$BOARD/metrics"
""",
    "getOpenapi": """\
curl --fail-with-body -sS "$BOARD/openapi.json"
""",
}
"""By the id of an operation."""


def document() -> str:
    """The page."""
    return "\n".join([HEAD, *_access(), *_errors(), *_tags(), *_schemas()]) + "\n"


def _access() -> Iterator[str]:
    bearer = "`Authorization: Bearer TOKEN`."
    browser = "A browser: the cookie that it got when it opened a link with `?token=TOKEN`."
    yield f"| boards, lists, pages | {bearer} {SCHEMES['bearer']['description']} {browser} |"
    yield f"| `/metrics` | {bearer} {SCHEMES['metrics']['description']} |"
    for kind, proofs in PROOFS.items():
        parts = [" and ".join(_carrier(scheme) for scheme in proof) for proof in proofs if proof]
        yield f"| webhooks of `{kind}` | {'; or '.join(parts) or 'the token in the body'} |"
    yield "| all others | nothing |"


def _carrier(name: Any) -> str:
    scheme = SCHEMES[name]
    if scheme["type"] == "http":
        return f"HTTP {scheme['scheme'].capitalize()}"
    return f"`?{scheme['name']}=`" if scheme["in"] == "query" else f"`{scheme['name']}`"


def _errors() -> Iterator[str]:
    yield "\n## Refusals\n"
    yield "A refusal says in `detail` what is wrong with this request:\n"
    refusal = Problem(401, "the token is wrong or was revoked").body().decode()
    yield f"```json\n{refusal}\n```\n"
    yield "429 and 503 have `Retry-After`, in seconds. Every address can answer:\n"
    yield from _responses(anywhere())


def _responses(responses: Mapping[int, Any]) -> Iterator[str]:
    yield "| status | when |\n| --- | --- |"
    for status, response in sorted(responses.items()):
        named = ", ".join(
            f"{_type(schema)} ({name})" if "$ref" in schema else name
            for name, schema in response.content.items()
        )
        is_refusal = status >= 400 or not named
        yield f"| {status} | {response.text}{'' if is_refusal else f' {named}.'} |"


def _tags() -> Iterator[str]:
    for tag, text in TAGS.items():
        yield f"\n## {tag.capitalize()}\n\n{text}"
        if tag == "boards":
            yield "\nThese, the lists and the pages of a board can also answer:\n"
            yield from _responses({status: GUARDED[status] for status in GUARDED if status not in anywhere()})
        before: Sequence[Parameter] = ()
        for operation in OPERATIONS:
            if operation.tag == tag:
                yield from _operation(operation, before)
                before = operation.parameters


def _operation(operation: Operation, before: Sequence[Parameter]) -> Iterator[str]:
    """An operation.

    Args:
        before: The parameters of the one above.
    """
    yield f"\n### `{operation.method.upper()} {operation.path}`\n"
    yield f"{operation.summary}.{f' {operation.text}' if operation.text else ''}\n"
    yield from _parameters(operation.parameters, before)
    if operation.body:
        yield "| body | |\n| --- | --- |"
        yield from (f"| `{name}` | {_type(schema)} |" for name, schema in operation.body.items())
        yield ""
    told = GUARDED if operation.path.startswith("/boards/") else anywhere()
    yield from _responses(
        {status: response for status, response in operation.responses.items() if told.get(status) != response}
    )
    if operation.id in EXAMPLES:
        yield f"\n```sh\n{EXAMPLES[operation.id]}```"


def _parameters(taken: Sequence[Parameter], before: Sequence[Parameter]) -> Iterator[str]:
    placed, above = ([one for one in some if one.place != "path"] for some in (taken, before))
    if above and all(parameter in placed for parameter in above):
        placed = [parameter for parameter in placed if parameter not in above]
        yield "Parameters as above, and:\n" if placed else "Parameters as above.\n"
    if placed:
        yield "| parameter | values | meaning |\n| --- | --- | --- |"
        yield from (_parameter(parameter) for parameter in placed)
        yield ""


def _parameter(parameter: Parameter) -> str:
    default = parameter.schema.get("default")
    usual = "" if default is None else f"; without it `{default}`"
    header = " (a header)" if parameter.place == "header" else ""
    return f"| `{parameter.name}`{header} | {_type(parameter.schema)}{usual} | {parameter.text} |"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(AT)
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(part) for part in schema[several])
    if schema.get("type") == "array":
        return f"a list of {_type(schema['items'])}" if "items" in schema else "a list"
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"title": title}:
            return str(title)
        case {"format": "date-time"}:
            return "a moment"
        case {"format": "date"}:
            return "a day"
        case {"minimum": least, "maximum": most}:
            return f"{least} to {most}"
        case {"maxLength": longest}:
            return f"text, {longest} characters at most"
    types = schema.get("type", "anything")
    return " or ".join([types] if isinstance(types, str) else types)


def _schemas() -> Iterator[str]:
    yield "\n## Documents\n"
    yield "Amounts are decimal strings in the account's currency, moments and days ISO 8601."
    for name, schema in openapi()["components"]["schemas"].items():
        yield f"\n### {name}\n\n{schema['description']}\n"
        if "oneOf" in schema:
            yield from (_event(event) for event in schema["oneOf"])
            continue
        yield "| field | value | meaning |\n| --- | --- | --- |"
        required = schema.get("required", ())
        for field, own in schema["properties"].items():
            absent = "" if field in required else " (may be absent)"
            yield f"| `{field}` | {_type(own)}{absent} | {own.get('description', '')} |"


def _event(event: Mapping[str, Any]) -> str:
    data = event["properties"]["data"]
    return f'- `{{"type": "{event["title"]}", "timestamp": …, "data": …}}` with {_type(data)}'


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
