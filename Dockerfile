# One image for all processes. The command is the name of a process in the Procfile; the default is `web`.
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/inflow
# Extras: --build-arg REQUIREMENTS="requirements-mail.txt requirements-pdf.txt", or one of the two.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-mail.txt requirements-pdf.txt ./
RUN case "$REQUIREMENTS" in *pdf*) apt-get update && apt-get install --yes --no-install-recommends libpangoft2-1.0-0 fonts-noto-core \
    && rm -rf /var/lib/apt/lists/* ;; esac
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes $(printf -- '-r %s ' $REQUIREMENTS)
COPY . .
RUN python -m compileall -q .
RUN install --directory --owner=nobody --mode=700 /var/lib/inflow
USER nobody
ENTRYPOINT ["sh", "-c", "line=$(sed -n \"s/^$0: //p\" Procfile); eval \"exec ${line:?no process of the Procfile: $0}\""]
CMD ["web"]
