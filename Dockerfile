FROM python:3.13-slim AS build
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --no-create-home playlist
COPY --from=build /venv /venv
WORKDIR /app
COPY wsgi.py gunicorn.conf.py ./
COPY migrations migrations
COPY playlist_api playlist_api
USER playlist
ENV PATH=/venv/bin:$PATH FLASK_APP=wsgi HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1
EXPOSE 3001
HEALTHCHECK --interval=10s --timeout=5s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:3001/health', timeout=4)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
