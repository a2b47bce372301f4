from tests.contract.conftest import account, api

__all__ = ["account", "api"]
