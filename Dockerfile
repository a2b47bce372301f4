# One image for all processes: `web`, or another name of the Procfile, whose line it runs.
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/inflow
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements.txt
COPY . .
RUN python -m compileall -q .
USER nobody
ENTRYPOINT ["sh", "-c", "eval \"exec $(sed -n \"s/^$0: //p\" Procfile)\""]
CMD ["web"]
