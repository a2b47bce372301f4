from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inflow.api import schema


class Command(BaseCommand):
    help = "Write the API's description, generated from the code, to inflow/api/openapi.json."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--print", action="store_true", help="print it instead")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print"]:
            self.stdout.write(schema.generate())
        else:
            schema.FILE.write_text(schema.generate(), encoding="utf-8")
