"""Words that say little about which service somebody means, in four languages."""

from __future__ import annotations

from typing import Final

from veche.protocol.forms.models import fold

STOP_WORDS: Final = frozenset(
    fold(
        """
    a about all am an and any are as at be by can could d do does for from get give go good had has
    have hello help hey hi how i if in is it like ll m may me morning my need obtain of on or order
    our please receive request s shall should so that thank thanks the there they this to us ve
    want was we what when where which who will with would you your
    ab als am an auch auf aus beantrage beantragen bei bekomme bekommen bin bitte brauche brauchen
    da das dass dein dem den der des die du ein eine einem einen einer eines er erhalten es für fur
    gern gerne guten habe haben hallo hätte hatte hilfe ich ihr ihre im ist kann können konnen man
    mein meine meinem meinen meiner mich mir mit möchte mochte moin morgen muss nach oder sich sie
    sind so suche tag über uber um und uns unser unsere von wann was wem wer wie will wir wo wohin
    wollen würde wurde zu zum zur
    а бы был быть в вам вас во вот вы где да дайте день для до добрый его ее если есть еще же за
    здравствуйте и из или их к как какой когда кому кто ли меня мне могу мое моего моей можно мои
    мой моя мы на надо нам нас наш не нет но нужен нужна нужно нужны о об оформить он она они от
    по под пожалуйста получить помогите помощь привет при прошу с сделать со спасибо та так там то
    тоже тут у хотел хотела хочется хочу чем что чтобы эта это этот я
    або але б без би бути в вас ви від він вона вони все де день для до добрий допоможіть дякую
    зробити його з за замовити зі із й і їх її коли кому ласка мене мені мій моє моєї мого моя ми
    може можна на нам нас наш не ні ну о отримати оформити під по потрібен потрібна потрібне
    потрібні потрібно прошу про привіт при та так там те ти треба тут у хочу хотів хотіла хто це
    цей ці ця чи що щоб як який якщо я
    """
    ).split()
)
"""Words that are left out: what one wants, greetings, the grammar of a sentence."""

COMMON_NOUNS: Final = frozenset(
    fold(
        """
    application certificate certified copy document documents extract form paper papers register
    registration registry town office number new change
    abschrift amt antrag auszug beglaubigt beglaubigte bescheinigung dokument formular kopie nummer
    papier papiere register stadt urkunde schein ausweis neu neue neuer neues neuen anmelden
    anmeldung ändern andern aendern
    бланк выписка документ документы заверенная заявление копия реестр регистрация свидетельство
    справка удостоверение номер город новый новая новое новую
    витяг довідка документ документи заява засвідчена копія посвідчення реєстр реєстрація
    свідоцтво номер місто новий нова нове нову
    """
    ).split()
)
"""Words that many services share: they tell less than the others."""
