"""Access: who may see a site, or what a script mount has; by address and password.

Field names are exactly the keys of the YAML file.
"""

from pydantic import Field, model_validator

from httpout_cgi.settings import fields
from httpout_cgi.settings.fields import Model, key


class Basic(Model):
    """Users and passwords, asked for by the browser (RFC 7617)."""

    realm: fields.FieldValue = key("Restricted", "What the browser calls it.")
    file: fields.PasswordFile = Field(description="Users, as of Apache's htpasswd.")


class Access(Model):
    """Who may come in: all that is given has to be met."""

    allow: fields.Peers | None = key(
        None, 'Addresses, networks or "unix"; null: everybody.'
    )
    deny: fields.Peers | None = key(
        None, "As allow; these are refused whatever allow says."
    )
    basic: Basic | None = key(None, "Users with a password.")

    @model_validator(mode="after")
    def _check(self) -> "Access":
        # Somebody has meant to close something.
        if self.allow is None and self.deny is None and self.basic is None:
            raise ValueError("has none of allow, deny and basic; give one")
        return self
