/**
 * Texts, dates and amounts in the person's language. The English text in the code is the message
 * id; translations are in locale/<language>.po, and a test compares them with every t("…") and
 * plural("…", "…", …) here: write plain strings in double quotes.
 */
import { listeners } from "./listeners.js";
import { asDecimalText, minorDigits } from "./money.js";
import { isFramed } from "./page.js";
import { session } from "./session.js";

export const LANGUAGES = /** @type {const} */ (["en", "ru", "de", "uk"]);
/** Each language by its own name. */
export const LANGUAGE_NAMES = { en: "English", ru: "Русский", de: "Deutsch", uk: "Українська" };

/** @typedef {(typeof LANGUAGES)[number]} Language */

/** @type {Language} */
let language = "en";
/** @type {{forms: Record<string, number>, messages: Record<string, string | string[]>}} */
let texts = { forms: {}, messages: {} };
const { watch, tell } = listeners();

/** @returns {Language} */
export function currentLanguage() {
    return language;
}

/**
 * Loads the texts of a language; before it the page has English ones. Call it before the first
 * drawing, and with a language when the person chooses one.
 * @param {string} [wanted] a language tag; else the client's (?lang=), what was chosen on this
 *   device, the session's, the browser's
 */
export async function useLanguage(wanted) {
    const asked = new URLSearchParams(location.search).get("lang") ?? undefined;
    const tags = wanted ? [wanted] : [asked, chosen(), session()?.language, ...navigator.languages];
    const mine = tags.map(known).find((one) => one !== undefined) ?? "en";
    language = mine;
    document.documentElement.lang = mine;
    const loaded = await load(mine);
    // Another one was chosen meanwhile, whose texts may have come first.
    if (language !== mine) return;
    texts = loaded;
    tell();
}

/** @param {Language} one @returns {Promise<typeof texts>} */
async function load(one) {
    try {
        const address = new URL(`../locale/${one}.json`, import.meta.url);
        const response = await fetch(address, { credentials: "omit" });
        return await response.json();
    } catch {
        return { forms: {}, messages: {} }; // an English page helps more than none
    }
}

const PLACE = "veche.language";

/** @returns {string | undefined} what the person has chosen on this device */
function chosen() {
    if (isFramed) return undefined;
    try {
        return localStorage.getItem(PLACE) ?? undefined;
    } catch {
        return undefined; // storage is refused
    }
}

/** @param {Language} wanted kept on this device */
export async function chooseLanguage(wanted) {
    try {
        localStorage.setItem(PLACE, wanted);
    } catch {
        // Storage is refused: it holds until the page goes.
    }
    await useLanguage(wanted);
}

/**
 * @param {() => void} changed called when another language is used
 * @returns {() => void} stops it
 */
export const whenLanguageChanges = (changed) => watch(changed);

/**
 * @param {string | undefined} tag "ru-RU"
 * @returns {Language | undefined}
 */
function known(tag) {
    const first = tag?.toLowerCase().split(/[-_]/)[0];
    return LANGUAGES.find((one) => one === first);
}

/** @typedef {Record<string, string | number | string[]>} Values a list is joined by commas */

/**
 * @param {string} message English text, the message id
 * @param {Values} [values] one for each {field}
 */
export function t(message, values = {}) {
    const found = texts.messages[message];
    return filled(typeof found === "string" ? found : message, values);
}

/** @type {Map<string, Intl.PluralRules>} kept, as dateForms below */
const pluralRules = new Map();

/**
 * The form of a text for `count` things; {count} is filled in too.
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Values} [values]
 */
export function plural(one, many, count, values = {}) {
    const forms = texts.messages[one];
    const rules = pluralRules.get(language) ?? new Intl.PluralRules(language);
    pluralRules.set(language, rules);
    const form = texts.forms[rules.select(count)] ?? -1;
    const found = Array.isArray(forms) ? forms[form] : undefined;
    return filled(found ?? (count === 1 ? one : many), { count: showNumber(count), ...values });
}

/** @param {string} message @param {Values} values */
function filled(message, values) {
    return message.replace(/\{([a-z_][a-z0-9_]*)\}/g, (field, name) =>
        name in values ? [values[name]].flat().map(isolated).join(", ") : field,
    );
}

/** What turns the direction of the text around it, even out of a `<bdi>`. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;
/** Letters of Hebrew, Arabic and the like, and their marks (Unicode 17, Bidi_Class R and AL). */
const RIGHT_TO_LEFT =
    /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** @param {string} name of somebody or something, from outside @returns {string} it turns nothing around it */
export const bare = (name) => name.replace(TURNS, "");

/** @param {unknown} value @returns {string} for a sentence: with a direction of its own, if it is from right to left */
function isolated(value) {
    const name = bare(String(value));
    // FIRST STRONG ISOLATE … POP DIRECTIONAL ISOLATE
    return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}

/** British English: "24 November 2025", 24 hours. American dates mislead everybody else. */
function locale() {
    return language === "en" ? "en-GB" : language;
}

/** @type {Map<string, Intl.DateTimeFormat>} kept: to make one takes as long as many dates, and 50 KiB */
const dateForms = new Map();

/**
 * A moment in the person's own time zone.
 * @param {number} at_ms
 * @param {Intl.DateTimeFormatOptions} form
 */
export function showMoment(at_ms, form) {
    const key = locale() + JSON.stringify(form);
    const kept = dateForms.get(key) ?? new Intl.DateTimeFormat(locale(), form);
    dateForms.set(key, kept);
    return kept.format(at_ms);
}

/** @param {number} at_ms @returns {string} "24 November 2025" */
export const showDate = (at_ms) => showMoment(at_ms, { dateStyle: "long" });

const DAY_FORM = /** @type {const} */ ({ day: "numeric", month: "long", year: "numeric" });
const TIME_FORM = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });

/**
 * A moment with its time zone, which is named: the bots name theirs, which may be another.
 * @param {number} at_ms
 * @returns {string} "24 November 2025 at 09:05 CET"
 */
export const showDateTime = (at_ms) =>
    showMoment(at_ms, { ...DAY_FORM, ...TIME_FORM, timeZoneName: "short" });

/** @param {number} at_ms @returns {string} "09:05" */
export const showTime = (at_ms) => showMoment(at_ms, TIME_FORM);

/**
 * An amount with the code of its currency, "1,234.50 EUR": there are twenty kinds of dollars.
 * @param {{minor: number, currency: string}} money
 */
export function showMoney(money) {
    const form = new Intl.NumberFormat(locale(), {
        minimumFractionDigits: minorDigits(money.currency),
    });
    // Numbers as texts are in the standard and not yet in TypeScript's library.
    const shown = form.format(/** @type {any} */ (asDecimalText(money)));
    return `${shown} ${money.currency}`;
}

/** @type {Map<string, Intl.NumberFormat>} by language: to make one takes as long as a thousand numbers */
const numberForms = new Map();

/** @param {number} number */
export function showNumber(number) {
    const tag = locale();
    const form = numberForms.get(tag) ?? new Intl.NumberFormat(tag);
    numberForms.set(tag, form);
    return form.format(number);
}

const KIB = 1024;

/** @param {number} bytes @returns {string} "12 KiB", "45.1 MiB": never less than it is */
export function showSize(bytes) {
    const kib = Math.ceil(bytes / KIB);
    if (kib < KIB) return t("{size} KiB", { size: showNumber(kib) });
    return t("{size} MiB", { size: showNumber(Math.ceil((10 * kib) / KIB) / 10) });
}
