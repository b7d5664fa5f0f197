# The official Python images are optimized builds (PGO, LTO), a quarter faster than others.
FROM python:3.13-slim-trixie AS build

# Debian's package brings the key that the packages of postgresql.org are signed with. What they
# keep is the newest alone, so no version can be named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-common \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.txt /
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /requirements.txt

WORKDIR /app
COPY wsgi.py gunicorn.conf.py ./
COPY migrations migrations
COPY playlist_api playlist_api
# Whoever built it may keep their files to themselves.
RUN python -m compileall -q . && chmod -R a+rX .


FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="Playlist API" \
    org.opencontainers.image.description="Accounts, sessions and one list of movies each, over REST" \
    org.opencontainers.image.licenses="MIT"

# For `flask backup`: pg_dump must not be older than the server.
COPY --from=build /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc /usr/share/keyrings/
# hadolint ignore=DL3008
RUN echo 'deb [signed-by=/usr/share/keyrings/apt.postgresql.org.asc]' \
        'https://apt.postgresql.org/pub/repos/apt trixie-pgdg main' > /etc/apt/sources.list.d/pgdg.list \
    && apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*

# The image has the standard library without bytecode, which nobody could write later.
RUN pip uninstall --yes pip \
    && python -m compileall -q /usr/local/lib/python3.13 \
    && install --directory --owner=10001 --group=10001 /backups /media

COPY --from=build /venv /venv
COPY --from=build /app /app

WORKDIR /app
# Memory for a large body goes back to the system when it is free; huge pages keep that cheap for
# password hashes.
ENV GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1048576:glibc.malloc.hugetlb=1 \
    PATH=/venv/bin:/usr/lib/postgresql/18/bin:$PATH \
    FLASK_APP=wsgi HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 3001
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:3001/health', timeout=4)"]
# As process 1 itself, so that SIGTERM has it finish what it has begun.
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
