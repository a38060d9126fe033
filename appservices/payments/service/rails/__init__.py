"""Banks: payouts and collections out, lines of their accounts in."""

from appservices.payments.service.rails.banking import Banking
from appservices.payments.service.rails.banks import Bank, BankNews, Desk, NewsKind
from appservices.payments.service.rails.demo import DemoRail
from appservices.payments.service.rails.start import banking_of
from appservices.payments.service.rails.wish import Wish

__all__ = ["Bank", "BankNews", "Banking", "DemoRail", "Desk", "NewsKind", "Wish", "banking_of"]
