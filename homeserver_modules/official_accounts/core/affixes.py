"""Words that impostors add to an official name: "support", "online", "служба безопасности"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

AFFIXES: Final = {
    "en": "support help helpdesk helpline service services care customer client team official"
    " online info bot app pay security safety alert admin administrator center centre department"
    " news verified secure login account assistant manager agent operator chat"
    " contact net pro plus direct digital express mobile inc ltd",
    "de": "hilfe kundendienst kundenservice kunden beratung dienst offiziell sicherheit zentrale"
    " auskunft meldestelle konto berater mitarbeiter portal",
    "fr": "aide assistance officiel officielle sécurité conseiller espace clientèle compte",
    "es": "ayuda soporte oficial seguridad atención cliente clientes servicio cuenta asistente",
    "it": "aiuto assistenza ufficiale sicurezza servizio clienti sportello conto",
    "pt": "ajuda suporte oficial segurança atendimento serviço conta",
    "nl": "klantenservice hulp officieel veiligheid beveiliging dienst",
    "pl": "pomoc obsługa klienta wsparcie oficjalny oficjalne bezpieczeństwo konto infolinia biuro",
    "tr": "destek resmi güvenlik yardım müşteri hizmetleri hesap merkezi",
    "ru": "поддержка поддержки служба сервис помощь помощник официальный официально официальная"
    " официальное безопасность безопасности онлайн инфо бот чат центр отдел оператор менеджер"
    " клиент клиентов клиентам клиентский кабинет личный горячая линия новости аккаунт админ"
    " портал приложение техподдержка саппорт",
    "uk": "підтримка підтримки допомога офіційний офіційна офіційно безпека безпеки інфо онлайн"
    " сервіс відділ клієнтів кабінет оператор гаряча лінія",
}
"""By language, separated by spaces."""

WEAK: Final = {
    "en": "bank group office the of for and from web vip",
    "de": "der die das und für von am im amt",
    "fr": "le la les de du des et banque",
    "es": "el los y banco",
    "it": "il di e banca",
    "pl": "i dla",
    "ru": "и для от банк",
    "uk": "й та",
}
"""Words that stand beside them, and in names of persons too: "Marta Bank", "Otto von Post"."""

GLUED_CHARS_MIN: Final = 3
"""How long a word is at least that counts without a space: "zusinfo"."""


def words_of(affixes: Mapping[str, str]) -> frozenset[str]:
    """Return all words of one of these tables."""
    return frozenset(word for words in affixes.values() for word in words.split())
