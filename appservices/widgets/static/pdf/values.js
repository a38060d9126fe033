/**
 * The values of PDF, read strictly and written back, as `veche.documents.pdf.values` does. Pure.
 *
 * A file is text here, a character a byte. A value is its tokens: a string as it stands in the file,
 * an array, or a map from names (with their slash) to values.
 *
 * @typedef {string | PdfArray | PdfDictionary} Value
 * @typedef {Value[]} PdfArray
 * @typedef {Map<string, Value>} PdfDictionary
 */

const DEPTH_MAX = 64;
/** In a file, besides its streams: what a page can hold in memory. */
export const VALUES_MAX = 2_000_000;
const CHUNK = 0x10000;
const END = String.raw`(?=[\0\t\n\f\r ()<>[\]{}/%]|$)`;
const TOKEN = new RegExp(
    String.raw`[\0\t\n\f\r ]*(?:` +
        String.raw`(?<leaf>/(?:[^\0\t\n\f\r ()<>[\]{}/%#]|#[0-9A-Fa-f]{2})*` +
        String.raw`|\d{1,10} \d{1,5} R${END}` +
        String.raw`|[+-]?(?:\d{1,19}(?:\.\d{0,19})?|\.\d{1,19})${END}` +
        String.raw`|(?:true|false|null)${END}` +
        String.raw`|<(?!<)[0-9A-Fa-f\0\t\n\f\r ]*>)` +
        String.raw`|(?<open><<|\[)|(?<close>>>|\])|(?<text>\())`,
    "y",
);
const [BACKSLASH, OPENED, CLOSED] = [0x5c, 0x28, 0x29];
const HIDDEN = /#(?:3\d|[46][1-9A-Fa-f]|[57][0-9Aa])/;
/**
 * For all that are empty: a file can have two million of them. Nobody changes what was read.
 * @type {any}
 */
const NO_ITEMS = Object.freeze([]);
/** @type {PdfDictionary} */
const NO_ENTRIES = new Map();
const REFERENCE = /^(\d{1,10}) (\d{1,5}) R$/;
const NATURAL = /^\d{1,19}$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/;

/** The file is not one that all readers read alike; the message names the first reason. */
export class PdfError extends Error {}

/**
 * A character a byte. In a worker by its reader of blobs, whose string takes a byte a character and
 * leaves nothing behind; elsewhere decoded as UTF-16 whose units are the bytes: ten times as fast as spelling them out,
 * which counts for files of 20 MB.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function asText(bytes) {
    const { FileReaderSync } = /** @type {any} */ (globalThis);
    if (!FileReaderSync) return decodedText(bytes);
    const whole = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)]);
    return new FileReaderSync().readAsBinaryString(whole);
}

/** @param {Uint8Array} bytes @returns {string} */
function decodedText(bytes) {
    const decoder = new TextDecoder("utf-16le");
    const units = new Uint16Array(Math.min(bytes.length, CHUNK));
    const parts = [];
    for (let at = 0; at < bytes.length; at += CHUNK) {
        const chunk = bytes.subarray(at, at + CHUNK);
        units.set(chunk);
        parts.push(decoder.decode(units.subarray(0, chunk.length)));
    }
    return parts.join("");
}

/** @param {string} text a character a byte @returns {Uint8Array<ArrayBuffer>} */
export function asBytes(text) {
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    return bytes;
}

/**
 * @param {string} pdf
 * @param {number} start
 * @param {number} end
 * @param {number} [most] how many values it may have
 * @returns {[Value, number, number]} the value that begins at `start`, where it ends, and how many
 *     values are in it with itself
 * @throws {PdfError} there is none, or it does not end before `end`, or has more values
 */
export function readValue(pdf, start, end, most = VALUES_MAX) {
    /** @type {{mark: string, items: Value[]}[]} */
    const stack = [];
    let [at, count] = [start, 0];
    for (;;) {
        TOKEN.lastIndex = at;
        const token = TOKEN.exec(pdf);
        if (!token?.groups || TOKEN.lastIndex > end) throw new PdfError(`no value at byte ${at}`);
        const { leaf, open, close } = token.groups;
        at = TOKEN.lastIndex;
        if (open) {
            if (stack.length === DEPTH_MAX) throw new PdfError("too many containers");
            stack.push({ mark: open, items: [] });
            continue;
        }
        /** @type {Value} */
        let value;
        if (leaf !== undefined) value = plainLeaf(leaf);
        else if (close) value = closed(stack, close);
        else {
            const until = endOfText(pdf, at, end);
            value = pdf.slice(at - 1, until);
            at = until;
        }
        count += 1;
        if (count > most) throw new PdfError(`more than ${VALUES_MAX} values`);
        const holder = stack.at(-1);
        if (!holder) return [value, at, count];
        holder.items.push(value);
    }
}

/** @param {string} token */
function plainLeaf(token) {
    if (token.startsWith("/") && HIDDEN.test(token)) throw new PdfError("a name hides a letter");
    return token;
}

/** @param {string} pdf @param {number} start @param {number} end */
function endOfText(pdf, start, end) {
    let depth = 1;
    for (let at = start; at < end; at += 1) {
        const letter = pdf.charCodeAt(at);
        if (letter === BACKSLASH) at += 1;
        else if (letter === OPENED) depth += 1;
        else if (letter === CLOSED) depth -= 1;
        if (depth === 0) return at + 1;
    }
    throw new PdfError("a string has no end");
}

/** @param {{mark: string, items: Value[]}[]} stack @param {string} mark @returns {Value} */
function closed(stack, mark) {
    const opened = stack.pop();
    if (!opened || (opened.mark === "[") !== (mark === "]"))
        throw new PdfError("nothing is closed");
    const { items } = opened;
    // A copy has room for these alone; an array that has grown has it for as many again.
    if (opened.mark === "[") return items.length > 0 ? items.slice() : NO_ITEMS;
    if (items.length === 0) return NO_ENTRIES;
    /** @type {PdfDictionary} */
    const made = new Map();
    for (let at = 0; at < items.length; at += 2) {
        const [key, value] = [items[at], items[at + 1]];
        if (typeof key !== "string" || !key.startsWith("/") || value === undefined)
            throw new PdfError("a dictionary is not pairs of names and values");
        if (made.has(key)) throw new PdfError("a dictionary has a key twice");
        made.set(key, value);
    }
    return made;
}

/** @param {Value} value @returns {string} as it stands in a file */
export function writeValue(value) {
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return `[${value.map(writeValue).join(" ")}]`;
    const pairs = Array.from(value, ([key, one]) => `${key} ${writeValue(one)}`);
    return `<<${pairs.join(" ")}>>`;
}

/** @param {number} number @returns {string} a reference to an object of generation 0 */
export function reference(number) {
    return `${number} 0 R`;
}

/**
 * @param {string} words
 * @returns {string} a text string: UTF-16 with its mark, in hexadecimal (ISO 32000-1 §7.9.2.2)
 * @throws {PdfError} half a character
 */
export function text(words) {
    if (!words.isWellFormed()) throw new PdfError("a text ends within a character");
    const digits = Array.from({ length: words.length }, (_, at) =>
        words.charCodeAt(at).toString(16).padStart(4, "0"),
    );
    return `<FEFF${digits.join("").toUpperCase()}>`;
}

/** @param {Value | undefined} value @param {string} what @returns {PdfDictionary} */
export function dictionary(value, what) {
    if (value instanceof Map) return value;
    throw new PdfError(`${what} is no dictionary`);
}

/** @param {Value | undefined} value @param {string} what @returns {PdfArray} */
export function array(value, what) {
    if (Array.isArray(value)) return value;
    throw new PdfError(`${what} is no array`);
}

/** @param {Value | undefined} value @param {string} what @returns {number} of an object */
export function referred(value, what) {
    const found = typeof value === "string" ? REFERENCE.exec(value) : null;
    if (!found || Number(found[2]) !== 0) throw new PdfError(`${what} is no reference`);
    return Number(found[1]);
}

/** @param {Value | undefined} value */
export function isReference(value) {
    return typeof value === "string" && REFERENCE.test(value);
}

/** @param {Value | undefined} value @param {string} what */
export function natural(value, what) {
    if (typeof value !== "string" || !NATURAL.test(value))
        throw new PdfError(`${what} is no natural number`);
    return Number(value);
}

/** @param {Value | undefined} value @param {string} what */
export function number(value, what) {
    if (typeof value !== "string" || !NUMBER.test(value))
        throw new PdfError(`${what} is no number`);
    return Number(value);
}

/** @param {Value | undefined} one @param {Value | undefined} other @returns {boolean} */
export function isSame(one, other) {
    if (one instanceof Map && other instanceof Map)
        return (
            one.size === other.size &&
            [...one].every(([key, value]) => other.has(key) && isSame(value, other.get(key)))
        );
    if (Array.isArray(one) && Array.isArray(other))
        return one.length === other.length && one.every((value, at) => isSame(value, other[at]));
    return one === other;
}

/** @type {Record<string, string>} */
const ESCAPES = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

/** @param {Value | undefined} value @param {string} what @returns {string} a character a byte */
export function stringBytes(value, what) {
    if (typeof value === "string" && value.startsWith("<")) {
        const digits = value.slice(1, -1).replaceAll(/[\0\t\n\f\r ]/g, "");
        const even = digits + "0".repeat(digits.length % 2);
        return even.replaceAll(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16)));
    }
    if (typeof value === "string" && value.startsWith("("))
        return value
            .slice(1, -1)
            .replaceAll(
                /\\([nrtbf()\\]|[0-7]{1,3}|\r?\n|\r)|\r\n?/g,
                (_, /** @type {string} */ mark) => {
                    if (mark === undefined) return "\n";
                    if (/^\d/.test(mark))
                        return String.fromCharCode(Number.parseInt(mark, 8) & 0xff);
                    return /^[\r\n]/.test(mark) ? "" : (ESCAPES[mark] ?? mark);
                },
            );
    throw new PdfError(`${what} is no string`);
}

/** @param {Value | undefined} value @param {string} what @returns {string} words of a text string */
export function stringText(value, what) {
    const said = stringBytes(value, what);
    const bytes = Uint8Array.from(said, (one) => one.charCodeAt(0));
    try {
        const strict = { fatal: true, ignoreBOM: true };
        if (said.startsWith("\u00FE\u00FF"))
            return new TextDecoder("utf-16be", strict).decode(bytes.subarray(2));
        if (said.startsWith("\u00EF\u00BB\u00BF"))
            return new TextDecoder("utf-8", strict).decode(bytes.subarray(3));
    } catch {
        throw new PdfError(`${what} is no text`);
    }
    return said;
}
