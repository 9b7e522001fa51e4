"""AWS Signature Version 4 in a query, recomputed by AWS's own description of it
(docs.aws.amazon.com, "Authenticating Requests: Using Query Parameters"): a stand-in of S3 takes forged ones too.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit


def signature(method: str, url: str, secret: str, region: str) -> str:
    """The signature that a URL must carry, in hexadecimal."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "X-Amz-Signature"]
    stated = dict(query)
    assert stated["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert stated["X-Amz-SignedHeaders"] == "host"
    scope = "/".join(stated["X-Amz-Credential"].split("/")[1:])
    date = stated["X-Amz-Date"]
    assert scope == f"{date[:8]}/{region}/s3/aws4_request"
    ordered = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query))
    request = "\n".join([method, parts.path, ordered, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
