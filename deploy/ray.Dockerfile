# The image of every node in ray.yaml. Build from the repository's root: docker build -f deploy/ray.Dockerfile .
# Ray and Python must be the same on every node and wherever the engine is made.
FROM rayproject/ray:2.60.0-py312

WORKDIR /app
COPY requirements/runtime.lock requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN pip install --no-cache-dir '.[remote,gpu]'
