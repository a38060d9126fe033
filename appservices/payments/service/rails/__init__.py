"""Banks: payouts and collections out, lines of their accounts in."""

from appservices.payments.service.rails.banking import Banking
from appservices.payments.service.rails.banks import Bank, BankNews, Desk, NewsKind
from appservices.payments.service.rails.demo import DemoRail
from appservices.payments.service.rails.order_request import OrderRequest
from appservices.payments.service.rails.start import banking_of

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
