#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL it joins the `make run` that uses the same INFLOW_DATA."""

import os
import sys

from environs import EnvError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
    from django.core.management import execute_from_command_line

    try:
        if not os.environ.get("DATABASE_URL"):
            from inflow.tryout.folder import join_running

            join_running()
        execute_from_command_line(sys.argv)
    except EnvError as error:
        sys.exit(f"inflow: {error}")


if __name__ == "__main__":
    main()
