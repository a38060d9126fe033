/**
 * Where signers sign, in the browser of who asks: on a page of its own at the end, which is the
 * rule, or in a corner of a page that is there, or in any area of it. Areas are on the page as it is
 * shown, and become the same boxes as in `appservices.signing.places.core.places`. Pure.
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
 * @typedef {"bottom right" | "bottom left" | "bottom middle" | "top right" | "top left"
 *   | "top middle" | "middle left" | "middle middle" | "middle right"} Corner
 *
 * @typedef {object} Area on a page as it is shown, in whole points
 * @property {number} x from its left edge
 * @property {number} y from its top edge
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} Place of a signer's box
 * @property {number} page from 1
 * @property {Corner} corner where its area is found
 * @property {Area} [area] instead, if it was chosen
 *
 * @typedef {"page" | "off" | "covers"} Fault
 */
import { array, number, PdfError, referred } from "./values.js";

export const BOX_WIDTH = 200;
export const BOX_HEIGHT = 60;
const MARGIN = 28;
const GAP = 6;
const DEPTH_MAX = 32;
/** @type {Corner[]} */
export const CORNERS = [
    "bottom right",
    "bottom left",
    "bottom middle",
    "top right",
    "top left",
    "top middle",
    "middle left",
    "middle middle",
    "middle right",
];
export const POINT_MAX = 14_400;
export const WIDTHS = /** @type {const} */ ([60, 400]);
export const HEIGHTS = /** @type {const} */ ([30, 150]);

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
    const edges = (/** @type {string} */ key) => {
        const box = array(found.get(key), key);
        const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = box.map((one) =>
            number(document.resolve(one), key),
        );
        if (![x1, y1, x2, y2].every(Number.isFinite)) throw new PdfError(`${key} is no box`);
        return { x: [x1, x2].toSorted(order), y: [y1, y2].toSorted(order) };
    };
    const media = edges("/MediaBox");
    const crop = found.has("/CropBox") ? edges("/CropBox") : media;
    const both = { x: shared(media.x, crop.x), y: shared(media.y, crop.y) };
    const isSome = [both.x, both.y].every(([least = 0, most = 0]) => least < most);
    const [left = 0, right = 0] = (isSome ? both : media).x;
    const [bottom = 0, top = 0] = (isSome ? both : media).y;
    const turn = Number(found.get("/Rotate") ?? 0);
    const rotation = turn % 90 === 0 ? ((turn % 360) + 360) % 360 : 0;
    return { left, bottom, width: right - left, height: top - bottom, rotation };
}

/** @param {PageSize} size @returns {[number, number]} width and height as the page is shown */
export function shownSize({ width, height, rotation }) {
    return rotation % 180 === 0 ? [width, height] : [height, width];
}

/**
 * @param {{field: string, place?: Place}[]} seats
 * @param {PageSize[]} sizes of all pages
 * @returns {Box[]} of those who have a place; in one corner, boxes stand beside one another, and
 *     beside those that have an area
 * @throws {BoxError} one can't be there
 */
export function boxesAt(seats, sizes) {
    /** @type {Map<string, {page: number, area: Area, box: Box}>} */
    const found = new Map();
    for (const { field, place } of inOrder(seats)) {
        const size = sizes[place.page - 1];
        if (!size) throw new BoxError(field, "page");
        const there = [...found.values()].filter(({ page }) => page === place.page);
        const area =
            place.area ??
            areaAt(
                place.corner,
                size,
                there.map((one) => one.area),
            );
        if (!area || !isOn(area, size)) throw new BoxError(field, "off");
        const box = boxIn(field, place.page - 1, area, size);
        if (there.some((one) => isCovered(box, one.box))) throw new BoxError(field, "covers");
        found.set(field, { page: place.page, area, box });
    }
    return seats.flatMap(({ field }) => found.get(field)?.box ?? []);
}

/**
 * @param {{field: string, place?: Place}[]} seats
 * @param {number} page from 1
 * @param {PageSize} size of it
 * @returns {Map<string, Area>} where those who sign there do, by field; without whoever finds no
 *     room
 */
export function areasOn(seats, page, size) {
    /** @type {Map<string, Area>} */
    const found = new Map();
    for (const { field, place } of inOrder(seats)) {
        if (place.page !== page) continue;
        const area = place.area ?? areaAt(place.corner, size, [...found.values()]);
        if (area) found.set(field, area);
    }
    return found;
}

/**
 * @param {{field: string, place?: Place}[]} seats
 * @returns {{field: string, place: Place}[]} those who have a place; first those who chose it to the
 *     point, as the others make room for them
 */
function inOrder(seats) {
    const placed = seats.flatMap(({ field, place }) => (place ? [{ field, place }] : []));
    return [
        ...placed.filter(({ place }) => place.area),
        ...placed.filter(({ place }) => !place.area),
    ];
}

/**
 * @param {Corner} corner
 * @param {PageSize} size
 * @param {Area[]} taken by others on that page
 * @returns {Area | undefined} none: there is no room
 */
export function areaAt(corner, size, taken) {
    const [wide, high] = shownSize(size);
    const [row, side] = corner.split(" ");
    const x =
        side === "left"
            ? MARGIN
            : side === "middle"
              ? Math.floor((wide - BOX_WIDTH) / 2)
              : Math.floor(wide - BOX_WIDTH - MARGIN);
    const step = row === "bottom" ? -(BOX_HEIGHT + GAP) : BOX_HEIGHT + GAP;
    let y =
        row === "top"
            ? MARGIN
            : row === "middle"
              ? Math.floor((high - BOX_HEIGHT) / 2)
              : Math.floor(high - BOX_HEIGHT - MARGIN);
    for (; ; y += step) {
        const area = { x, y, width: BOX_WIDTH, height: BOX_HEIGHT };
        if (!isOn(area, size)) return undefined;
        if (!taken.some((one) => isOver(area, one))) return area;
    }
}

/** @param {Area} area @param {PageSize} size */
function isOn({ x, y, width, height }, size) {
    const [wide, high] = shownSize(size);
    return x >= 0 && y >= 0 && x + width <= wide && y + height <= high;
}

/** @param {Area} one @param {Area} other */
export function isOver(one, other) {
    return (
        one.x < other.x + other.width &&
        other.x < one.x + one.width &&
        one.y < other.y + other.height &&
        other.y < one.y + one.height
    );
}

/**
 * @param {string} field
 * @param {number} page from 0
 * @param {Area} area
 * @param {PageSize} size
 * @returns {Box}
 */
function boxIn(field, page, { x, y, width, height }, size) {
    const { left, bottom, rotation } = size;
    const [right, top] = [left + size.width, bottom + size.height];
    /** @type {Record<number, Box["corners"]>} */
    const turned = {
        90: [left + y, bottom + x, left + y + height, bottom + x + width],
        180: [right - x - width, bottom + y, right - x, bottom + y + height],
        270: [right - y - height, top - x - width, right - y, top - x],
    };
    const upright = [left + x, top - y - height, left + x + width, top - y];
    const corners = /** @type {Box["corners"]} */ ((turned[rotation] ?? upright).map(whole));
    return { field, page, corners, ...(rotation ? { turn: rotation } : {}) };
}

/** @param {number} points @returns {number} in hundredths, as a file has it */
function whole(points) {
    return Math.floor(points * 100 + 0.5) / 100 + 0;
}

/** @param {number} one @param {number} other */
function order(one, other) {
    return one - other;
}

/** @param {number[]} one @param {number[]} other @returns {number[]} what both have */
function shared([least = 0, most = 0], [least2 = 0, most2 = 0]) {
    return [Math.max(least, least2), Math.min(most, most2)];
}

/** @param {Box} one @param {Box} other */
function isCovered(one, other) {
    const [left, bottom, right, top] = one.corners;
    const [left2, bottom2, right2, top2] = other.corners;
    const isSame = one.page === other.page;
    return isSame && left < right2 && left2 < right && bottom < top2 && bottom2 < top;
}
