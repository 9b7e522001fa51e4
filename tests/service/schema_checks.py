"""What schemathesis is told beside its configuration; read by its command as SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import re

import schemathesis

# What a JSON Schema has no words for, in the service's words. All else that fits the document must be taken.
BEYOND_SCHEMA = re.compile(
    "|".join(
        [
            r"names no public host|nothing but a name or an address|is no URL",  # a receiver that may not be reached
            r"characters that cannot be printed",
            r"more than 4096 characters as JSON",
            r"the id of an upload of this owner",
            r"x0 < x1|time range",
        ]
    )
)


@schemathesis.check
def refusal_is_known(ctx, response, case):
    """A 422 to what fits the document, where schemathesis.toml lets one pass, says what is beyond a schema."""
    is_sound = case.meta is not None and case.meta.generation.mode.is_positive
    if is_sound and response.status_code == 422:
        detail = response.json()["detail"]
        assert BEYOND_SCHEMA.search(detail), f"refused what fits the document: {detail}"


@schemathesis.hook.apply_to(path="/api/v1/jobs/upload")
def filter_body(context, body):
    """A form has no words for an empty list: the field is not sent, and what was to be wrong about it is gone."""
    return not isinstance(body, dict) or [] not in body.values()
