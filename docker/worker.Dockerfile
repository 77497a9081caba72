# The workers, the example bank, and ivrctl.
FROM python:3.12.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY . .
# Editable: flows, models and languages are read from here.
RUN pip install --no-cache-dir --editable '.[espeak]' \
    && useradd --system --home-dir /var/lib/ivr --create-home ivr
USER ivr
CMD ["ivrctl", "serve"]
