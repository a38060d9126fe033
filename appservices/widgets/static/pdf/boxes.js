/**
 * Where signers sign, in the browser of who asks: on a page of its own at the end, which is the
 * rule, or in a corner of a page that is there, or wherever a box was moved to. The bounds are those
 * of `appservices.signing.core.boxes`. Pure.
 *
 * @typedef {import("./document.js").PdfDocument} PdfDocument
 * @typedef {import("./signing.js").Box} Box
 *
 * @typedef {object} PageSize
 * @property {number} left where the page begins, in points
 * @property {number} bottom
 * @property {number} width
 * @property {number} height
 * @property {number} rotation by how many degrees it is shown turned
 *
 * @typedef {"bottom right" | "bottom left" | "bottom middle" | "top right" | "top left"} Corner
 *
 * @typedef {object} Place of a signer's box
 * @property {number} page from 1
 * @property {Corner} corner
 * @property {[number, number]} [at] left and bottom from those of the page, if it was moved
 *
 * @typedef {"page" | "off" | "covers" | "turned"} Fault
 */
import { array, number, PdfError, referred } from "./values.js";

export const BOX_WIDTH = 200;
export const BOX_HEIGHT = 60;
const MARGIN = 28;
const GAP = 6;
const DEPTH_MAX = 32;
/** @type {Corner[]} */
export const CORNERS = ["bottom right", "bottom left", "bottom middle", "top right", "top left"];

/** A box can't be where it was put. */
export class BoxError extends Error {
    /** @param {string} field @param {Fault} fault */
    constructor(field, fault) {
        super(fault);
        this.field = field;
        this.fault = fault;
    }
}

/** @param {PdfDocument} document @param {number} page number of its object @returns {PageSize} */
export function sizeOfPage(document, page) {
    const found = new Map();
    let node = document.dictionary(page, "a page");
    for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
        for (const key of ["/CropBox", "/MediaBox", "/Rotate"])
            if (!found.has(key) && node.has(key)) found.set(key, document.resolve(node.get(key)));
        const parent = node.get("/Parent");
        if (parent === undefined) break;
        node = document.dictionary(referred(parent, "/Parent"), "a page");
    }
    const box = array(found.get("/CropBox") ?? found.get("/MediaBox"), "/MediaBox");
    const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = box.map((one) =>
        number(document.resolve(one), "/MediaBox"),
    );
    if (![x1, y1, x2, y2].every(Number.isFinite)) throw new PdfError("/MediaBox is no box");
    return {
        left: Math.min(x1, x2),
        bottom: Math.min(y1, y2),
        width: Math.abs(x2 - x1),
        height: Math.abs(y2 - y1),
        rotation: ((Number(found.get("/Rotate") ?? 0) % 360) + 360) % 360,
    };
}

/**
 * @param {string} field
 * @param {Place} place
 * @param {PageSize[]} sizes of all pages
 * @param {Box[]} others that are laid already: in one corner, boxes stand beside one another
 * @returns {Box}
 * @throws {BoxError} it can't be there
 */
export function boxAt(field, place, sizes, others) {
    const size = sizes[place.page - 1];
    if (!size) throw new BoxError(field, "page");
    if (size.rotation !== 0) throw new BoxError(field, "turned");
    const page = place.page - 1;
    if (place.at) return checked({ field, page, corners: cornersAt(size, place.at) }, size, others);
    const [isTop, side] = [place.corner.startsWith("top"), place.corner.split(" ")[1]];
    const rest = size.width - BOX_WIDTH;
    const across = side === "left" ? MARGIN : side === "middle" ? rest / 2 : rest - MARGIN;
    for (let row = 0; ; row += 1) {
        const step = MARGIN + row * (BOX_HEIGHT + GAP);
        const up = isTop ? size.height - step - BOX_HEIGHT : step;
        const box = { field, page, corners: cornersAt(size, [across, up]) };
        if (up < 0 || up + BOX_HEIGHT > size.height) throw new BoxError(field, "off");
        if (!others.some((one) => isCovered(box, one))) return checked(box, size, others);
    }
}

/** @param {PageSize} size @param {[number, number]} at @returns {Box["corners"]} */
function cornersAt({ left, bottom }, [across, up]) {
    const [x, y] = [whole(left + across), whole(bottom + up)];
    return [x, y, whole(x + BOX_WIDTH), whole(y + BOX_HEIGHT)];
}

/** @param {number} points @returns {number} in hundredths, as a file has it */
function whole(points) {
    return Math.round(points * 100) / 100;
}

/** @param {Box} box @param {PageSize} size @param {Box[]} others */
function checked(box, size, others) {
    const [left, bottom, right, top] = box.corners;
    const isOn =
        Math.min(left, bottom) >= 0 &&
        left >= size.left &&
        bottom >= size.bottom &&
        right <= size.left + size.width &&
        top <= size.bottom + size.height;
    if (!isOn) throw new BoxError(box.field, "off");
    if (others.some((one) => isCovered(box, one))) throw new BoxError(box.field, "covers");
    return box;
}

/** @param {Box} one @param {Box} other */
function isCovered(one, other) {
    const [left, bottom, right, top] = one.corners;
    const [left2, bottom2, right2, top2] = other.corners;
    const isSame = one.page === other.page;
    return isSame && left < right2 && left2 < right && bottom < top2 && bottom2 < top;
}
