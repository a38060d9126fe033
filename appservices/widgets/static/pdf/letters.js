/**
 * The one font in which signatures are shown, as `veche.protocol.pdf.letters` lays it: known by its
 * digest, so that what is in a file says all that is needed of it. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./document.js").PdfObject} PdfObject
 *
 * @typedef {object} Letters what the font can show
 * @property {Map<string, number>} glyphs of each character
 * @property {Map<string, number>} widths of each character, in thousandths of the font's size
 */
import { hex, sha256 } from "../verify/bytes.js";
import {
    PdfError,
    array,
    asBytes,
    dictionary,
    natural,
    reference,
    stringBytes,
    writeValue,
} from "./values.js";

/** Name of the font in `/DR` of the form, and in the picture of a signature. */
export const RESOURCE = "/VecheLetters";
const GLYPHS = "/VecheGlyphs";
const OBJECTS = 5;
/** SHA-256 over the five objects, as `veche.protocol.pdf.letters.digest_of` computes it. */
const DIGEST = "9907f1763e9d831212460543d33aa6abd50c4ebd20b4e757302cafc02a65e00e";
const REFERENCE = /^(\d{1,10}) 0 R$/;

/**
 * @param {PdfDictionary} form
 * @param {(value: Value | undefined) => Value | undefined} resolve
 * @returns {Value | undefined} what `/DR` of a form says of the font
 */
export function laidLetters(form, resolve) {
    const resources = resolve(form.get("/DR"));
    if (resources === undefined) return undefined;
    const fonts = resolve(dictionary(resources, "/DR").get("/Font"));
    return fonts === undefined ? undefined : dictionary(fonts, "/Font").get(RESOURCE);
}

/**
 * @param {number} font number of the Type 0 font
 * @param {string} pdf
 * @param {(number: number) => PdfObject | undefined} get
 * @returns {Promise<Letters>}
 * @throws {PdfError} it is another font
 */
export async function readLetters(font, pdf, get) {
    if ((await digestOf(font, pdf, get)) !== DIGEST)
        throw new PdfError("signatures are shown in a font that is not known");
    const outer = dictionary(get(font)?.value, "a font");
    const inner = dictionary(get(font - 1)?.value, "a font");
    const said = asBytes(stringBytes(outer.get(GLYPHS), GLYPHS));
    const characters = [...new TextDecoder("utf-16be", { ignoreBOM: true }).decode(said)];
    const widths = array(array(inner.get("/W"), "/W")[1], "/W").map((one) => natural(one, "/W"));
    return {
        glyphs: new Map(characters.map((one, at) => [one, at + 1])),
        widths: new Map(characters.map((one, at) => [one, widths[at] ?? 0])),
    };
}

/**
 * @param {number} font
 * @param {string} pdf
 * @param {(number: number) => PdfObject | undefined} get
 */
async function digestOf(font, pdf, get) {
    const parts = [];
    for (let number = font - OBJECTS + 1; number <= font; number += 1) {
        const one = get(number);
        if (!one) throw new PdfError("a part of the font of signatures is not there");
        parts.push(writeValue(relative(one.value, number)));
        if (one.data) parts.push(pdf.slice(...one.data));
    }
    return hex(await sha256(asBytes(parts.join(""))));
}

/** @param {Value} value @param {number} holder @returns {Value} that says how far back it refers */
function relative(value, holder) {
    if (Array.isArray(value)) return value.map((one) => relative(one, holder));
    if (value instanceof Map)
        return new Map(Array.from(value, ([key, one]) => [key, relative(one, holder)]));
    const found = REFERENCE.exec(value);
    return found ? reference(holder - Number(found[1])) : value;
}

/**
 * @param {Letters} letters
 * @param {string} text
 * @returns {string} a string operand, `<00010002>`
 * @throws {PdfError} a character has no glyph
 */
export function encoded({ glyphs }, text) {
    const digits = [...text].map((one) => {
        const glyph = glyphs.get(one);
        if (glyph === undefined) throw new PdfError(`the font has no ${one}`);
        return glyph.toString(16).toUpperCase().padStart(4, "0");
    });
    return `<${digits.join("")}>`;
}

/** @param {Letters} letters @param {string} text whether each character has a glyph */
export function canShow({ glyphs }, text) {
    return [...text].every((one) => glyphs.has(one));
}

/** @param {Letters} letters @param {string} text @returns {number} in thousandths of the size */
export function widthOf({ widths }, text) {
    return [...text].reduce((sum, one) => sum + (widths.get(one) ?? 0), 0);
}
