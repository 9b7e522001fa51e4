"""BlankLogo on AWS Lambda, on the CPU.

    docker build -f deploy/lambda/Dockerfile -t blanklogo-lambda .    # from the repository's root

Invoked directly, the event is the body that `blanklogo.wire` describes, and the answer is its answer. Behind a function
URL or an API Gateway, both travel inside HTTP.
"""

import base64
import binascii
import json

from blanklogo.errors import BlankLogoError, BudgetError, CancelledError, OptionError
from blanklogo.remover import Remover
from blanklogo.wire import answer_from_result, http_status, order_from_body

MAX_ANSWER_BYTES = 5_500_000  # of base64; Lambda lets 6 MB through, the report and HTTP's own quoting included
STOP_MILLISECONDS = 5_000  # before Lambda would freeze us in the middle of the work

remover = Remover()
remover.load()


def handler(event, context):
    """One invocation."""
    is_http = "requestContext" in event
    try:
        answer, status = answered(http_body(event) if is_http else event, context), 200
    except BlankLogoError as error:
        answer, status = error.as_dict(), http_status(error)
    if not is_http:
        return answer
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}


def answered(body, context):
    def is_late():
        return context.get_remaining_time_in_millis() < STOP_MILLISECONDS

    try:
        *_, result = remover.run(order_from_body(body), is_late)
    except CancelledError:
        raise BudgetError("the function's time is nearly over", hint="a longer timeout, or a shorter video") from None
    return answer_from_result(result, MAX_ANSWER_BYTES)


def http_body(event):
    try:
        text = event.get("body") or ""
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (binascii.Error, ValueError):
        raise OptionError("a request body that is no JSON", accepted='{"video_url": "…"}') from None
