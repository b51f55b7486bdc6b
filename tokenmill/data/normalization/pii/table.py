"""All kinds of personal data."""

from tokenmill.data.normalization.pii.bank_card import BANK_CARD
from tokenmill.data.normalization.pii.email import EMAIL
from tokenmill.data.normalization.pii.id_card import ID_CARD
from tokenmill.data.normalization.pii.ip import IP
from tokenmill.data.normalization.pii.phone import PHONE
from tokenmill.data.normalization.pii.url_credentials import URL_CREDENTIALS

KINDS = (URL_CREDENTIALS, EMAIL, IP, ID_CARD, BANK_CARD, PHONE)
"""In the order in which they are replaced: a password may look like an address."""
