/**
 * Minor units, as ISO 4217 counts them and `veche.protocol.money` does. Never ask Intl for them:
 * browsers count as CLDR does, which knows no fillér and no para, so 100 of the minor units of HUF
 * would be shown as a hundred forint instead of one.
 */

/** @type {Record<number, string>} decimals, and the currencies that do not have two */
const OTHERS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
};
const DIGITS = new Map(
    Object.entries(OTHERS).flatMap(([digits, codes]) =>
        codes.split(" ").map((code) => /** @type {const} */ ([code, Number(digits)])),
    ),
);

/** @param {string} currency code, three capitals @returns {number} its decimals */
export function minorDigits(currency) {
    return DIGITS.get(currency) ?? 2;
}

/**
 * An amount as a decimal text: a float would lose cents of large amounts.
 * @param {{minor: number, currency: string}} money
 * @returns {string} "-1234.50"
 */
export function asDecimalText({ minor, currency }) {
    const digits = minorDigits(currency);
    const sign = minor < 0 ? "-" : "";
    const text = String(Math.abs(minor)).padStart(digits + 1, "0");
    return digits ? `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}` : sign + text;
}

/** @type {Record<string, string>} currencies, and how people write them; as `veche.protocol.money` */
const WRITTEN = {
    EUR: "€ euro euros евро євро",
    UAH: "₴ грн hryvnia hryvnias гривна гривны гривен гривну гривня гривні гривень гривню",
    RUB: "₽ руб ruble rubles rouble roubles rubel рубль рубля рублей рублі рублів",
    PLN: "zł zloty zlotys złoty złote złotych злотый злотых злотий злоті злотих",
    CZK: "kč",
    USD: "us$",
    GEL: "₾",
    ILS: "₪",
    INR: "₹",
    KZT: "₸",
    TRY: "₺",
    "USD AUD CAD HKD NZD SGD": "$ dollar dollars доллар доллара долларов долар долари доларів",
    "GBP EGP GIP": "£ pound pounds pfund фунт фунта фунтов фунти фунтів",
    "JPY CNY": "¥ yen yuan",
    "CHF XAF XOF": "franc francs franken франк франка франков франки франків",
    "CZK DKK ISK NOK SEK": "kr krona kronor krone kroner kronen крона кроны крон крони",
};
const CODES = new Map(
    Object.entries(WRITTEN).flatMap(([codes, words]) =>
        words.split(" ").map((word) => /** @type {const} */ ([word, codes.split(" ")])),
    ),
);
const CHARACTERS_MAX = 40;
const CURRENCY = "(?:\\p{L}{1,12}\\.?)?[^\\p{L}\\p{N}_\\s.,'’+\\-−–]?";
const TYPED = new RegExp(
    `^(?<before>${CURRENCY}) ?(?<number>[0-9](?:[ .,'’]?[0-9])*) ?(?<after>${CURRENCY})$`,
    "u",
);

/**
 * Read an amount of a known currency as `veche.protocol.money` does: "1 234,50 €", "12.50".
 * @param {string} typed
 * @param {string} currency the only one that will do, which need not be typed
 * @returns {number | undefined} minor units; undefined if it is no amount, or in doubt
 */
export function parseAmount(typed, currency) {
    const plain = typed.normalize("NFKC").replace(/\s/gu, " ").trim();
    const found = [...plain].length > CHARACTERS_MAX ? null : TYPED.exec(plain);
    const { before = "", number = "", after = "" } = found?.groups ?? {};
    const written = (before || after).replace(/\.$/u, "");
    if (!found || (before && after)) return undefined;
    const codes = CODES.get(written.toLowerCase()) ?? [written.toUpperCase() || currency];
    if (!codes.includes(currency)) return undefined;
    const digits = minorDigits(currency);
    const [whole, decimals] = split(number, digits);
    if (whole === undefined || decimals.length > digits) return undefined;
    const minor = Number(whole + decimals.padEnd(digits, "0"));
    return Number.isSafeInteger(minor) ? minor : undefined;
}

/**
 * @param {string} number @param {number} digits
 * @returns {[whole: string | undefined, decimals: string]}
 */
function split(number, digits) {
    const marks = [...number].filter((one) => ".,".includes(one));
    const mark = marks.at(-1) ?? "";
    let hasDecimals = marks.filter((one) => one === mark).length === 1;
    if (hasDecimals && marks.length === 1 && number.at(-4) === mark) {
        // "1,234" is a thousand for one reader, and one and a bit for another.
        if (digits !== 0 && digits !== 3) return [undefined, ""];
        hasDecimals = digits === 3;
    }
    const end = hasDecimals ? number.lastIndexOf(mark) : number.length;
    const groups = number.slice(0, end).split(/[ .,'’]/u);
    const [first = "", ...others] = groups;
    const isGrouped =
        others.length === 0 || (first.length <= 3 && others.every((one) => one.length === 3));
    const decimals = number.slice(end + 1);
    if (!isGrouped || (hasDecimals && !/^[0-9]+$/u.test(decimals))) return [undefined, ""];
    return [groups.join(""), decimals];
}
