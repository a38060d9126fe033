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
