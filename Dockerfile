# One image for all processes: `web`, or another name of the Procfile, whose line it runs.
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/inflow
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements.txt
COPY . .
RUN python -m compileall -q .
RUN install --directory --owner=nobody --mode=700 /var/lib/inflow
USER nobody
ENTRYPOINT ["sh", "-c", "line=$(sed -n \"s/^$0: //p\" Procfile); eval \"exec ${line:?no process of the Procfile: $0}\""]
CMD ["web"]
