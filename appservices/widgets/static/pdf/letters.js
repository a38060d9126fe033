/**
 * The one font in which signatures are shown, as `veche.documents.pdf.letters` lays it: known by its
 * digest, so that what is in a file says all that is needed of it. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./document.js").PdfObject} PdfObject
 *
 * @typedef {object} Known the font, as `veche/documents/pdf/letters.json` has it
 * @property {string} characters of its glyphs, from 1
 * @property {number[]} widths of each, in thousandths of the font's size
 * @property {Record<string, string>} descriptor
 * @property {string[]} font the packed file, base64 in parts
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
/** SHA-256 over the five objects, as `veche.documents.pdf.letters.digest_of` computes it. */
const DIGEST = "9907f1763e9d831212460543d33aa6abd50c4ebd20b4e757302cafc02a65e00e";
/** @type {PdfDictionary} */
const SYSTEM = new Map([
    ["/Registry", "(Adobe)"],
    ["/Ordering", "(Identity)"],
    ["/Supplement", "0"],
]);
/** Of a block, by the rules of CMaps. */
const MAP_LINES_MAX = 100;
const MAP_HEAD = `/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
`;
const MAP_TAIL = `endcmap
CMapName currentdict /CMap defineresource pop
end
end`;
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

/** @param {Known} known @returns {Letters} */
export function lettersOf({ characters, widths }) {
    const each = [...characters];
    return {
        glyphs: new Map(each.map((one, at) => [one, at + 1])),
        widths: new Map(each.map((one, at) => [one, widths[at] ?? 0])),
    };
}

/**
 * @param {import("./increment.js").Increment} increment
 * @param {Known} known
 * @returns {number} of the font's last object, to which `/DR` of the form refers
 */
export function layLetters(increment, { characters, widths, descriptor, font }) {
    const name = descriptor["/FontName"] ?? "";
    const file = increment.addStream(
        atob(font.join("")),
        new Map([
            ["/Subtype", "/CIDFontType0C"],
            ["/Filter", "/FlateDecode"],
        ]),
    );
    const toUnicode = increment.addStream(unicodeOf(characters));
    const described = increment.add(
        new Map([
            ["/Type", "/FontDescriptor"],
            ...Object.entries(descriptor),
            ["/FontFile3", reference(file)],
        ]),
    );
    const inner = increment.add(
        new Map(
            /** @type {[string, Value][]} */ ([
                ["/Type", "/Font"],
                ["/Subtype", "/CIDFontType0"],
                ["/BaseFont", name],
                ["/CIDSystemInfo", SYSTEM],
                ["/FontDescriptor", reference(described)],
                ["/DW", "0"],
                ["/W", ["1", widths.map(String)]],
            ]),
        ),
    );
    return increment.add(
        new Map(
            /** @type {[string, Value][]} */ ([
                ["/Type", "/Font"],
                ["/Subtype", "/Type0"],
                ["/BaseFont", `${name}-Identity-H`],
                ["/Encoding", "/Identity-H"],
                ["/DescendantFonts", [reference(inner)]],
                ["/ToUnicode", reference(toUnicode)],
                [GLYPHS, `<${[...characters].map(unitOf).join("")}>`],
            ]),
        ),
    );
}

/** @param {string} one @returns {string} its code, four digits */
function unitOf(one) {
    return fourDigits(one.charCodeAt(0));
}

/** @param {number} one @returns {string} */
function fourDigits(one) {
    return one.toString(16).toUpperCase().padStart(4, "0");
}

/** @param {string} characters @returns {string} from glyphs to Unicode, for search and copies */
function unicodeOf(characters) {
    const lines = [...characters].map((one, at) => `<${fourDigits(at + 1)}> <${unitOf(one)}>\n`);
    const parts = [];
    for (let at = 0; at < lines.length; at += MAP_LINES_MAX) {
        const block = lines.slice(at, at + MAP_LINES_MAX);
        parts.push(`${block.length} beginbfchar\n${block.join("")}endbfchar\n`);
    }
    return [MAP_HEAD, ...parts, MAP_TAIL].join("");
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
