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
export const TEXT_BYTES_MAX = 1024 * 1024;
/** On one part, which counts as read once it was on the screen. */
const LINES_MAX = 40;
const PART_CHARACTERS_MAX = 4000;
/** Control, formatting (also what turns the direction), unassigned, and unusual white space. */
const HIDDEN = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** @param {string} kind media type @param {number} size in bytes @returns {Shape} */
export function shapeOf(kind, size) {
    if (PICTURES.has(kind)) return "picture";
    return TEXTS.has(kind) && size <= TEXT_BYTES_MAX ? "text" : "nothing";
}

/** @param {Bytes} data @returns {string[] | undefined} parts of a text; none: it is no text */
export function textParts(data) {
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
    return [...parts, held];
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
export function visible(text) {
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
