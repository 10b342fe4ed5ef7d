"""`[admin]`: the admin API on TCP, for a console on another machine; on the control socket it is always served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Address, split_list

_ROLES = ("viewer", "operator", "admin")


def _grant(value: str) -> str:
    name, mark, role = value.rpartition("=")
    if not name or not mark or role not in _ROLES:
        raise ValueError(f"must be NAME=ROLE, with a role of {', '.join(_ROLES)}")
    return value


Grant = Annotated[str, AfterValidator(_grant)]


class AdminSettings(Section):
    """The admin API over the network; off unless address is set."""

    address: Address | None = Field(
        default=None, description="HOST:PORT of the admin API with TLS; default: off", examples=["192.0.2.10:50052"]
    )
    certificate: Path | None = Field(default=None, description="PEM certificate chain of the admin API")
    key: Path | None = Field(default=None, description="PEM private key of certificate")
    client_authority: Path | None = Field(
        default=None,
        description="PEM certificates of the authority that signs clients' certificates; one without is not answered",
    )
    roles: Annotated[tuple[Grant, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="who may do what: NAME=ROLE for a name in the client's certificate, with a role of viewer, operator or admin",
        examples=[["console.firm.example=admin"]],
    )
    consoles: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="names in certificates of consoles, which may ask for accounts of their own; an account lowers the role and"
        " never raises it",
        examples=[["console.firm.example"]],
    )

    @property
    def role_of(self) -> dict[str, str]:
        """Certificate name → role."""
        return {name: role for name, _, role in (grant.rpartition("=") for grant in self.roles)}

    @model_validator(mode="after")
    def _complete(self) -> AdminSettings:
        if self.address is not None and None in {self.certificate, self.key, self.client_authority}:
            raise ValueError("address needs certificate, key and client_authority")
        if unknown := set(self.consoles) - set(self.role_of):
            raise ValueError(f"consoles: {min(unknown)} has no role in roles")
        return self
