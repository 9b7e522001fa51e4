"""BlankLogo on RunPod Serverless.

    docker build -f deploy/runpod/Dockerfile -t NAME/blanklogo-runpod .    # from the repository's root
    python deploy/runpod/handler.py --rp_serve_api                         # the same, here: POST /runsync

The input is the body that `blanklogo.wire` describes: {"video_url": …, "output_url": …, "mode": "auto", …}.
"""

import json
import time

import runpod

from blanklogo.errors import BlankLogoError
from blanklogo.remover import Remover
from blanklogo.wire import answer_from_result, order_from_body

MAX_ANSWER_BYTES = 10_000_000  # of base64; what /run lets through
PROGRESS_SECONDS = 2.0  # each update is an HTTP request

remover = Remover()
remover.load()


def handler(job):
    """One job; RunPod shows what is under "error" as the reason of a failed one."""
    told_seconds = 0.0
    try:
        for message in remover.run(order_from_body(job["input"])):
            if message["type"] == "result":
                return answer_from_result(message, MAX_ANSWER_BYTES)
            if time.monotonic() - told_seconds > PROGRESS_SECONDS:
                told_seconds = time.monotonic()
                runpod.serverless.progress_update(job, message)
    except BlankLogoError as error:
        return {"error": json.dumps(error.as_dict())}


if __name__ == "__main__":
    runpod.serverless.start({"handler": handler})
