"""Uploads by tus in the whole service: under tokens, and as the inputs of jobs."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx2
import pytest
from running import Running, User, client, running

from blanklogo.engines.open import open_engine
from blanklogo.service.routes.resumable import PATH
from blanklogo.service.tokens.token import Scope

VIDEO = bytes(range(256)) * 300
TUS = {"Tus-Resumable": "1.0.0"}
NAME = {"Upload-Metadata": f"filename {base64.b64encode(b'holiday.mov').decode()}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path_factory.mktemp("service"), engine, max_input_mb=1) as service,
    ):
        yield service


def begun(user: User, num_bytes: int = len(VIDEO)) -> str:
    answer = user.http.post(PATH, headers={**TUS, **NAME, "Upload-Length": str(num_bytes)})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def sent(user: User, path: str, offset: int, data: bytes) -> httpx2.Response:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return user.http.patch(path, content=data, headers=headers)


def test_an_upload_in_two_pieces_makes_a_job(service: Running, ann: User) -> None:
    path = begun(ann)
    assert sent(ann, path, 0, VIDEO[:5000]).status_code == 204
    assert ann.http.head(path, headers=TUS).headers["upload-offset"] == "5000"
    assert sent(ann, path, 5000, VIDEO[5000:]).status_code == 204
    wish = {"upload_id": path.rpartition("/")[2], "rights_confirmed": True}
    made = ann.post("/api/v1/jobs", wish)
    assert made["filename"] == "holiday.mov"
    assert ann.http.delete(path, headers=TUS).status_code in (404, 409), "a job has it, or is done with it"
    assert ann.over(made["job_id"])["status"] == "completed"
    with client("") as http:
        url = ann.get(f"/api/v1/jobs/{made['job_id']}/download")["download_url"]
        assert http.get(url, headers={"Range": "bytes=-100"}).content == VIDEO[-100:]


def test_another_owners_upload_is_404_and_nobodys_is_401(service: Running, ann: User) -> None:
    path = begun(ann)
    with service.user() as bob, client(service.url) as nobody:
        for method in ("HEAD", "DELETE", "PATCH", "POST"):
            headers = {**TUS, "X-HTTP-Method-Override": "DELETE", "Upload-Offset": "0"}
            assert bob.http.request(method, path, headers=headers).status_code == 404
            assert nobody.request(method, path, headers=headers).status_code == 401
        assert nobody.post(PATH, headers={**TUS, "Upload-Length": "5"}).status_code == 401
        assert nobody.options(PATH).headers["tus-max-size"] == "1000000"
    with service.user(Scope.READ) as reader:
        assert reader.http.post(PATH, headers={**TUS, "Upload-Length": "5"}).status_code == 403
    assert ann.http.delete(path, headers=TUS).status_code == 204


def test_refusals_are_problems_that_name_the_protocol(ann: User) -> None:
    answer = ann.http.post(PATH, headers={**TUS, **NAME, "Upload-Length": "1000001"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["tus-resumable"] == "1.0.0"
    answer = sent(ann, begun(ann), 5, b"x")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["tus-resumable"] == "1.0.0"
