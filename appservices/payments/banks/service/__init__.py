"""Banks: payouts and collections out, lines of their accounts in."""

from appservices.payments.banks.service.banking import Banking
from appservices.payments.banks.service.banks import Bank, BankNews, Desk, NewsKind
from appservices.payments.banks.service.demo import DemoRail
from appservices.payments.banks.service.order_request import OrderRequest
from appservices.payments.banks.service.start import banking_of

__all__ = [
    "Bank",
    "BankNews",
    "Banking",
    "DemoRail",
    "Desk",
    "NewsKind",
    "OrderRequest",
    "banking_of",
]
