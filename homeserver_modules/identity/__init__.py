"""Gives people who sign in through a provider of OpenID a random Matrix id.

In homeserver.yaml::

    oidc_providers:
      - idp_id: town_hall
        scopes: [openid]
        user_mapping_provider:
          module: homeserver_modules.identity.RandomIds
          config: {}
"""

from __future__ import annotations

from homeserver_modules.identity.module import RandomIds

__all__ = ["RandomIds"]
