# docker build -t vostool . && docker run --rm -v "$PWD:/work" --user "$(id -u)" vostool demo
FROM python:3.11-slim-bookworm

# What OpenCV links to, and git, which tells checkpoints the code's revision.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes git libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/vostool
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY recipes recipes
COPY vostool vostool
RUN pip install --no-cache-dir --constraint constraints.txt .

# Any user may run it: what it keeps besides --out goes into the folder of the data.
ENV HOME=/work
WORKDIR /work
USER 65534
ENTRYPOINT ["vostool"]
CMD ["--help"]
