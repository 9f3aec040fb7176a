# The service as an image: `docker build -t kalshiproto .`; `--target workshop` adds tapes and training.
# PostgreSQL, Prometheus and Grafana come with it by `docker compose up`.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
RUN python3 -m venv /opt/venv
COPY requirements.txt requirements-alerts.txt /tmp/
# Arrow is for tapes alone, and as large as half of all the rest.
RUN grep -vE '^(pyarrow|tqdm)==' /tmp/requirements.txt > /tmp/service.txt \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile -r /tmp/service.txt -r /tmp/requirements-alerts.txt
# Tests and headers of libraries; then byte code, for nothing can be written where this runs. What a
# model was trained with is there for a pickle without arrays, and rarely needed.
RUN find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/venv/lib -type f -regex '.*\.\(pyx\|pxd\|pxi\|tp\|pyi\|h\|po\)' -delete \
    && /opt/venv/bin/pip uninstall --quiet --yes pip \
    && python3 -m compileall -q -j 0 -x '/(scipy|sklearn|joblib|narwhals|pygments)/' /opt/venv/lib

FROM ${PYTHON_IMAGE} AS base
# What the orchestrator stops it with is a signal to uvicorn: no shell stands between.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=8000
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bot \
    && install -d -o bot -g bot /app /app/logs
WORKDIR /app
COPY main.py logging_utils.py requirements.txt ./
COPY api api
COPY bot bot
COPY models models
EXPOSE 8000
# Ready: a cycle ended of late, the database keeps everything, somebody leads.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/ready', timeout=4)"]
CMD ["sh", "-c", "exec uvicorn main:app --host 0.0.0.0 --port $PORT --workers 1 --no-use-colors"]

FROM base AS workshop
COPY --from=packages /opt/venv /opt/venv
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r requirements.txt
USER 10001

FROM base AS service
COPY --from=packages /opt/venv /opt/venv
RUN python3 -m compileall -q /app
USER 10001
