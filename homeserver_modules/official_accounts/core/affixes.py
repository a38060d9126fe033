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
    "el": "υποστήριξη βοήθεια επίσημο επίσημη ασφάλεια εξυπηρέτηση πελατών λογαριασμός",
    "ar": "دعم الدعم مساعدة رسمي الرسمي خدمة العملاء أمن حساب",
    "he": "תמיכה עזרה רשמי שירות לקוחות אבטחה",
    "hi": "सहायता मदद आधिकारिक सेवा सुरक्षा ग्राहक",
    "zh": "客服 官方 支持 帮助 服务 中心 安全 在线 账户 助手 认证 热线",
    "ja": "公式 サポート 窓口 案内 認証 事務局 お客様 ヘルプ 本人確認",
    "ko": "고객센터 공식 지원 상담 도움 보안 인증 안내",
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
"""How long a word is at least that counts without a space; of ideographs two are enough."""


def is_glued(word: str) -> bool:
    """Return whether a word counts without a space before it: "zusinfo", "银行客服"."""
    return len(word) >= (GLUED_CHARS_MIN if word < "\u2e80" else 2)


def words_of(affixes: Mapping[str, str]) -> frozenset[str]:
    """Return all words of one of these tables."""
    return frozenset(word for words in affixes.values() for word in words.split())
