# The Makefile's environment in a container: docker build -t compendium . ; docker run --rm -it compendium
FROM python:3.13-slim AS system
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap chromium git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home reader \
    && install --directory --owner=reader /home/reader/compendium
USER reader

# An editor's container stops above: the checkout that it mounts gets an environment of its own.
FROM system
WORKDIR /home/reader/compendium
COPY --chown=reader . .
RUN UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 make environment
ENV PATH="/home/reader/compendium/.venv/bin:$PATH"
CMD ["bash"]
