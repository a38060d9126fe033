/**
 * What of a file that is no PDF can be shown safely, and how: pictures as they are, plain text with
 * all that has no shape of its own made visible. Everything else is for a program of the person's.
 * Pure.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {"picture" | "text" | "nothing"} Shape
 *
 * @typedef {object} Piece
 * @property {string} text
 * @property {boolean} isHidden whether it stands for a character that could not be seen
 */

/** Browsers draw these without running anything that is in them. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/webp"]);
/** Text that is read as it stands; of HTML or SVG a program would show something else. */
const TEXTS = new Set([
    "text/plain",
    "text/markdown",
    "text/csv",
    "application/json",
    "application/xml",
]);
const TEXT_BYTES_MAX = 1024 * 1024;
/** On one part, which counts as read once it was on the screen. */
const LINES_MAX = 30;
const PART_CHARACTERS_MAX = 1600;
/** Of a text that is shown: a browser draws no more in good time, and nobody reads it here. */
const PARTS_MAX = 1000;
const HIDDEN_MAX = 2000;
/** Control, formatting (also what turns the direction), unassigned, and unusual white space. */
const HIDDEN = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** @param {{kind: string, data: Bytes}} file with its media type @returns {Shape} */
export function shapeOf({ kind, data }) {
    if (PICTURES.has(kind)) return isMoving(kind, data) ? "nothing" : "picture";
    return TEXTS.has(kind) && data.length <= TEXT_BYTES_MAX ? "text" : "nothing";
}

/**
 * Whether a picture may show something else after a while: then nobody can say what was seen.
 * @param {string} kind
 * @param {Bytes} data
 */
function isMoving(kind, data) {
    if (kind === "image/webp") return isNamed(data, 12, "VP8X") && ((data[20] ?? 0) & 2) !== 0;
    if (kind !== "image/png") return false;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    // In a file that moves this chunk comes before the picture (PNG, third edition, §5.6).
    for (let at = 8; at + 8 <= data.length; at += 12 + view.getUint32(at)) {
        if (isNamed(data, at + 4, "acTL")) return true;
        if (isNamed(data, at + 4, "IDAT")) return false;
    }
    return false;
}

/** @param {Bytes} data @param {number} at @param {string} name in ASCII */
function isNamed(data, at, name) {
    return String.fromCharCode(...data.subarray(at, at + name.length)) === name;
}

/**
 * @param {Bytes} data
 * @returns {Piece[][] | undefined} parts of a text; none: it is no text, or there is too much in it
 */
export function textParts(data) {
    const parts = partsOf(data)?.map(visible);
    const hidden = parts?.reduce(
        (sum, part) => sum + part.filter(({ isHidden }) => isHidden).length,
        0,
    );
    return hidden === undefined || hidden > HIDDEN_MAX ? undefined : parts;
}

/** @param {Bytes} data @returns {string[] | undefined} */
function partsOf(data) {
    let text;
    try {
        text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
        return undefined;
    }
    /** @type {string[]} */
    const parts = [];
    let [held, lines] = ["", 0];
    for (const line of text.replaceAll("\r\n", "\n").match(/[^\n]*\n|[^\n]+/g) ?? [""])
        for (const piece of piecesOf(line)) {
            const isFull = lines === LINES_MAX || held.length + piece.length > PART_CHARACTERS_MAX;
            if (isFull && held) {
                parts.push(held);
                [held, lines] = ["", 0];
            }
            held += piece;
            lines += 1;
        }
    return parts.length < PARTS_MAX ? [...parts, held] : undefined;
}

/** @param {string} line @returns {string[]} of at most so many characters, none cut in two */
function piecesOf(line) {
    if (line.length <= PART_CHARACTERS_MAX) return [line];
    const characters = [...line];
    const count = Math.ceil(characters.length / (PART_CHARACTERS_MAX / 2));
    return Array.from({ length: count }, (_, at) =>
        characters
            .slice(at * (PART_CHARACTERS_MAX / 2), (at + 1) * (PART_CHARACTERS_MAX / 2))
            .join(""),
    );
}

/** @param {string} text @returns {Piece[]} in its order */
function visible(text) {
    /** @type {Piece[]} */
    const found = [];
    let at = 0;
    for (const { 0: character, index } of text.matchAll(HIDDEN)) {
        if (index > at) found.push({ text: text.slice(at, index), isHidden: false });
        found.push({ text: named(character), isHidden: true });
        at = index + character.length;
    }
    if (at < text.length) found.push({ text: text.slice(at), isHidden: false });
    return found;
}

/** @param {string} character @returns {string} its number, as Unicode writes it */
function named(character) {
    const number = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `U+${number.padStart(4, "0")}`;
}
