"""Checks of schemathesis's that need a word more; read by its command as SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import re

import schemathesis
from schemathesis.checks import not_a_server_error  # noqa: F401  # registers its own first
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.checks import positive_data_acceptance

# What a JSON Schema has no words for, in the service's words. All else that fits the document must be taken.
BEYOND_SCHEMA = re.compile(
    "|".join(
        [
            r"names no public host|nothing but a name or an address|is no URL",  # a receiver that may not be reached
            r"webhook_events without a webhook_url",
            r"characters that cannot be printed",
            r"more than 4096 characters as JSON",
            r"the id of an upload of this owner",
            r"x0 < x1|time range",
        ]
    )
)


@schemathesis.check
def sound_data_is_taken(ctx, response, case):
    """As `positive_data_acceptance`, but that a 422 may say what is beyond a schema."""
    try:
        positive_data_acceptance(ctx, response, case)
    except RejectedPositiveData:
        if response.status_code != 422 or not BEYOND_SCHEMA.search(response.json()["detail"]):
            raise
