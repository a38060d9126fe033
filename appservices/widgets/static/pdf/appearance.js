/**
 * What a signature looks like in its box, as `veche.documents.pdf.appearance` draws it: the same
 * bytes. All numbers are whole hundredths of a point. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./letters.js").Letters} Letters
 *
 * @typedef {object} Look what is shown besides the name and the time
 * @property {string} role as what somebody signs, in the document's language
 * @property {string} level what kind of signature it is, in the document's language
 */
import { RESOURCE, encoded, widthOf } from "./letters.js";
import { PdfError, array, number, reference, stringBytes, stringText } from "./values.js";

const CHARACTERS_MAX = 100;
const WIDTH_MIN = 60_00;
const HEIGHT_MIN = 30_00;
const WIDTH_MAX = 400_00;
const HEIGHT_MAX = 150_00;
const SEPARATOR = " · ";
const MARGIN = 4_00;
const FRAME = 50;
const LARGE = 12_00;
const SMALL = 8_00;
/** Heights of the four lines, in parts of the box. */
const WEIGHTS = [5, 4, 4, 4];
const WEIGHTS_SUM = 17;
const WEIGHT_MAX = 5;
const TURNS = new Set(["90", "180", "270"]);
const DATE = /^D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)\d\dZ$/;

/** @param {Look} look @returns {string} as `/Reason` of the signature has it */
export function reasonOf({ role, level }) {
    return `${role}${SEPARATOR}${level}`;
}

/** @param {number} nowMs UTC @returns {string} a moment as a signature's `/M` has it */
export function pdfDate(nowMs) {
    const iso = new Date(nowMs).toISOString();
    return `(D:${iso.slice(0, 19).replaceAll(/[-:T]/g, "")}Z)`;
}

/**
 * @param {PdfDictionary} signature
 * @returns {[string, string, string, string]} name, role, level, time
 * @throws {PdfError} it lacks one, or one is too long
 */
export function linesOf(signature) {
    const name = stringText(signature.get("/Name"), "/Name of a signature");
    const reason = stringText(signature.get("/Reason"), "/Reason of a signature");
    const at = reason.lastIndexOf(SEPARATOR);
    const date = DATE.exec(stringBytes(signature.get("/M"), "/M of a signature"));
    if (at < 0 || !date) throw new PdfError("a signature that is shown lacks what it shows");
    const [, year, month, day, hour, minute] = date;
    /** @type {[string, string, string, string]} */
    const lines = [
        name,
        reason.slice(0, at),
        reason.slice(at + SEPARATOR.length),
        `${year}-${month}-${day} ${hour}:${minute} UTC`,
    ];
    if (lines.some((one) => one === "" || [...one].length > CHARACTERS_MAX))
        throw new PdfError("a line of a shown signature is empty or too long");
    return lines;
}

/**
 * @param {PdfDictionary} box
 * @returns {number} by how many degrees, against the clock, what it shows stands on its page
 */
export function turnOf(box) {
    const kind = box.get("/MK");
    const turn = kind instanceof Map ? kind.get("/R") : undefined;
    return typeof turn === "string" && TURNS.has(turn) ? Number(turn) : 0;
}

/**
 * @param {Value | undefined} rectangle
 * @param {number} turn of the box
 * @returns {[number, number]} width and height of what a box shows
 * @throws {PdfError} it is none in which a signature can be shown
 */
export function sizeOf(rectangle, turn) {
    const corners = array(rectangle, "/Rect").map((one) => number(one, "/Rect"));
    if (corners.length !== 4) throw new PdfError("/Rect is not four numbers");
    const [left = 0, bottom = 0, right = 0, top = 0] = corners.map((one) =>
        Math.floor(one * 100 + 0.5),
    );
    const [across, up] = [right - left, top - bottom];
    const [width, height] = turn % 180 === 0 ? [across, up] : [up, across];
    const isFit =
        WIDTH_MIN <= width && width <= WIDTH_MAX && HEIGHT_MIN <= height && height <= HEIGHT_MAX;
    if (!isFit) throw new PdfError("a box is too small or too large for a signature to be shown");
    return [width, height];
}

/**
 * @param {[number, number]} size of the box
 * @param {string[]} lines of `linesOf`; each is made smaller until it fits
 * @param {Letters} letters
 * @returns {string} the content of the picture: a thin frame and four lines
 * @throws {PdfError} the font lacks a character
 */
export function picture([width, height], lines, letters) {
    const frame = [FRAME / 2, FRAME / 2, width - FRAME, height - FRAME].map(real).join(" ");
    const parts = [`q\n${real(FRAME)} w\n${frame} re\nS\nBT\n`];
    const [high, wide] = [height - 2 * MARGIN, width - 2 * MARGIN];
    let [at, before] = [height - MARGIN, 0];
    for (const [index, line] of lines.entries()) {
        const weight = WEIGHTS[index] ?? 0;
        const step = Math.floor((high * weight) / WEIGHTS_SUM);
        const most = Math.min(weight === WEIGHT_MAX ? LARGE : SMALL, Math.floor((step * 4) / 5));
        const fits = Math.floor((wide * 1000) / Math.max(1, widthOf(letters, line)));
        at -= step;
        const baseline = at + Math.floor(step / 4);
        const move = before === 0 ? [MARGIN, baseline] : [0, baseline - before];
        before = baseline;
        const size = real(Math.min(most, fits));
        const shown = encoded(letters, line);
        parts.push(`${RESOURCE} ${size} Tf\n${move.map(real).join(" ")} Td\n${shown} Tj\n`);
    }
    return [...parts, "ET\nQ\n"].join("");
}

/**
 * @param {[number, number]} size of the box
 * @param {number} font number of its object
 * @param {number} turn of the box: the picture is drawn upright, and turned as a whole
 * @returns {PdfDictionary} of the picture's stream, without its length
 */
export function pictureEntries(size, font, turn) {
    const [width, height] = /** @type {[string, string]} */ (size.map(real));
    /** @type {Record<number, Value>} */
    const turned = {
        90: ["0", "1", "-1", "0", height, "0"],
        180: ["-1", "0", "0", "-1", width, height],
        270: ["0", "-1", "1", "0", "0", width],
    };
    const matrix = turned[turn];
    return new Map(
        /** @type {[string, Value][]} */ ([
            ["/Type", "/XObject"],
            ["/Subtype", "/Form"],
            ["/BBox", ["0", "0", width, height]],
            ...(matrix ? [["/Matrix", matrix]] : []),
            ["/Resources", new Map([["/Font", new Map([[RESOURCE, reference(font)]])]])],
        ]),
    );
}

/** @param {number} hundredths @returns {string} points, the shortest way: 7.5, -0.25, 12 */
function real(hundredths) {
    const [whole, rest] = [Math.floor(Math.abs(hundredths) / 100), Math.abs(hundredths) % 100];
    const digits = `${whole}.${String(rest).padStart(2, "0")}`.replace(/\.?0+$/, "");
    return `${hundredths < 0 ? "-" : ""}${digits}`;
}
