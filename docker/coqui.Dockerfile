# Coqui TTS with torch for the CPU, as a service for workers; voices are mounted at /voices.
FROM python:3.12.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 COQUI_TOS_AGREED=0
WORKDIR /app
COPY . .
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && sh scripts/coqui.sh /opt/coqui \
    && /opt/coqui/bin/python -m pip install --no-cache-dir --editable . \
    && useradd --system --home-dir /var/lib/ivr --create-home ivr
ENV PATH=/opt/coqui/bin:$PATH
USER ivr
