/**
 * The page of signatures at the end of a document, drawn by the browser of who asks: a frame for each
 * who signs there, with name and role, in the one font in which signatures are shown. Pure.
 *
 * @typedef {import("./boxes.js").PageSize} PageSize
 * @typedef {import("./boxes.js").Place} Place
 * @typedef {import("./letters.js").Known} Known
 * @typedef {import("./letters.js").Letters} Letters
 * @typedef {import("./signing.js").Box} Box
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Seat who signs
 * @property {string} field
 * @property {string} name as it is printed
 * @property {string} account printed where the font lacks a letter of the name
 * @property {string} role as it is printed
 * @property {Place} [place] none: on the page of signatures
 *
 * @typedef {object} Sheet what the page says besides
 * @property {string} heading
 * @property {string} of which document
 * @property {string[]} rules when signatures count
 * @property {string} note
 */
import { joined } from "../verify/bytes.js";
import { boxesAt, sizeOfPage } from "./boxes.js";
import { Increment, references } from "./increment.js";
import { RESOURCE, canShow, encoded, lettersOf, widthOf } from "./letters.js";
import { filledForm, formOf, layBoxes, openFile, withLetters } from "./signing.js";
import { PAGES_MAX, pageNumbers } from "./tree.js";
import { PdfError, array, asBytes, natural, reference, referred } from "./values.js";

const A4 = { left: 0, bottom: 0, width: 595, height: 842, rotation: 0 };
const SIDE_MIN = 400;
const SIDE_MAX = 1500;
const MARGIN = 56;
const [HEADING, TEXT, SMALL] = [20, 10, 9];
const LEADING = 1.35;
const FRAME_HEIGHT = 62;
const GAP = 18;
const SEAT_HEIGHT = FRAME_HEIGHT + 2 * SMALL * LEADING + GAP;
const COLUMN_MIN = 210;
const FRAME_WIDTH_MAX = 300;

/**
 * The document that everyone will sign: an upload with a box for each of them.
 * @param {Bytes} pdf in the sealed profile, signed by nobody
 * @param {Seat[]} seats in the order in which they are printed
 * @param {Sheet} sheet
 * @param {Known} known the font
 * @returns {{pdf: Bytes, boxes: Box[]}}
 * @throws {import("./boxes.js").BoxError} a box can't be where it was put
 * @throws {PdfError} too many pages
 */
export function withBoxes(pdf, seats, sheet, known) {
    const file = openFile(pdf);
    const numbers = pageNumbers(file.document);
    const sizes = numbers.map((one) => sizeOfPage(file.document, one));
    const boxes = boxesAt(seats, sizes);
    const own = seats.filter(({ place }) => !place);
    const drawn = drawSheets(own, sheet, sheetSize(sizes.at(-1) ?? A4), lettersOf(known));
    if (numbers.length + drawn.length > PAGES_MAX) throw new PdfError("too many pages");
    const longer = joined(pdf, addSheets(file.document, drawn, known));
    for (const [at, one] of drawn.entries())
        for (const box of one.boxes) boxes.push({ ...box, page: numbers.length + at });
    const laid = joined(longer, layBoxes(openFile(longer), boxes));
    return { pdf: laid, boxes };
}

/** @param {PageSize} last @returns {PageSize} of a page of signatures: as the last one is shown */
function sheetSize({ width, height, rotation }) {
    const [wide, high] = rotation % 180 === 0 ? [width, height] : [height, width];
    const isUsual = Math.min(wide, high) >= SIDE_MIN && Math.max(wide, high) <= SIDE_MAX;
    return isUsual ? { ...A4, width: Math.round(wide), height: Math.round(high) } : A4;
}

/**
 * @typedef {{content: string, boxes: Box[], size: PageSize}} Drawn
 * @param {Seat[]} seats
 * @param {Sheet} sheet
 * @param {PageSize} size
 * @param {Letters} letters
 * @returns {Drawn[]} pages
 */
function drawSheets(seats, sheet, size, letters) {
    /** @type {Drawn[]} */
    const drawn = [];
    const left = [...seats];
    while (left.length > 0) {
        const canvas = new Canvas(size, letters);
        canvas.text(sheet.heading, HEADING);
        if (drawn.length === 0)
            for (const line of [sheet.of, ...sheet.rules, sheet.note]) canvas.text(line, TEXT);
        canvas.space(GAP);
        const taken = canvas.seats(left);
        if (taken === 0) throw new PdfError("the page of signatures is too small");
        left.splice(0, taken);
        drawn.push({ content: canvas.content, boxes: canvas.boxes, size });
    }
    return drawn;
}

/** One page while it is drawn, from the top. */
class Canvas {
    /** @param {PageSize} size @param {Letters} letters */
    constructor(size, letters) {
        this.size = size;
        this.letters = letters;
        this.wide = size.width - 2 * MARGIN;
        this.at = size.height - MARGIN;
        /** @type {string[]} */
        this.parts = [];
        /** @type {Box[]} */
        this.boxes = [];
    }

    get content() {
        return `q\n0.5 w\n${this.parts.join("")}Q\n`;
    }

    /** @param {number} points */
    space(points) {
        this.at -= points;
    }

    /** @param {string} words in lines; nothing if the font lacks a letter @param {number} height */
    text(words, height) {
        if (!canShow(this.letters, words)) return;
        for (const line of wrapped(this.letters, words, height, this.wide)) {
            this.at -= height * LEADING;
            this.#line(line, height, MARGIN, this.at);
        }
        this.at -= height / 2;
    }

    /** @param {Seat[]} seats @returns {number} how many have found room */
    seats(seats) {
        const columns = Math.max(1, Math.floor((this.wide + GAP) / (COLUMN_MIN + GAP)));
        const wide = (this.wide - (columns - 1) * GAP) / columns;
        const rows = Math.floor((this.at - MARGIN) / SEAT_HEIGHT);
        const taken = seats.slice(0, Math.max(0, rows) * columns);
        for (const [at, seat] of taken.entries()) {
            const x = MARGIN + (at % columns) * (wide + GAP);
            const y = this.at - Math.floor(at / columns) * SEAT_HEIGHT - FRAME_HEIGHT;
            this.#seat(seat, x, y, Math.min(wide, FRAME_WIDTH_MAX));
        }
        return taken.length;
    }

    /** @param {Seat} seat @param {number} x @param {number} y @param {number} wide */
    #seat({ field, name, account, role }, x, y, wide) {
        const corners = /** @type {Box["corners"]} */ (
            [x, y, x + wide, y + FRAME_HEIGHT].map((one) => Math.round(one * 100) / 100)
        );
        this.boxes.push({ field, page: 0, corners });
        this.parts.push(`${[x, y, wide, FRAME_HEIGHT].map(real).join(" ")} re\nS\n`);
        const called = name && canShow(this.letters, name) ? name : account;
        for (const [at, words] of [called, role].entries())
            if (canShow(this.letters, words))
                this.#line(
                    fitted(this.letters, words, SMALL, wide),
                    SMALL,
                    x,
                    y - (at + 1) * SMALL * LEADING,
                );
    }

    /** @param {string} words @param {number} height @param {number} x @param {number} y */
    #line(words, height, x, y) {
        const shown = encoded(this.letters, words);
        this.parts.push(`BT\n${RESOURCE} ${real(height)} Tf\n${real(x)} ${real(y)} Td\n`);
        this.parts.push(`${shown} Tj\nET\n`);
    }
}

/** @param {Letters} letters @param {string} words @param {number} height @param {number} wide */
function fitted(letters, words, height, wide) {
    const fits = (/** @type {string} */ one) => (widthOf(letters, one) * height) / 1000 <= wide;
    if (fits(words)) return words;
    const each = [...words];
    while (each.length > 1 && !fits(`${each.join("")}...`)) each.pop();
    return `${each.join("")}...`;
}

/**
 * @param {Letters} letters
 * @param {string} words
 * @param {number} height
 * @param {number} wide
 * @returns {string[]} lines
 */
function wrapped(letters, words, height, wide) {
    /** @type {string[]} */
    const lines = [];
    for (const word of words.split(" ")) {
        const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
        const isFit = (widthOf(letters, longer) * height) / 1000 <= wide;
        if (lines.length > 0 && isFit) lines[lines.length - 1] = longer;
        else lines.push(fitted(letters, word, height, wide));
    }
    return lines;
}

/**
 * @param {import("./document.js").PdfDocument} document
 * @param {Drawn[]} drawn
 * @param {Known} known
 * @returns {Bytes} the revision with the font and the pages
 */
function addSheets(document, drawn, known) {
    const increment = new Increment(document);
    const [formNumber, form] = formOf(document, increment);
    const empty = filledForm(form, array(form.get("/Fields") ?? [], "/Fields"));
    increment.put(formNumber, withLetters(document, increment, empty, known));
    const font = reference(increment.next - 1); // the last of its objects
    const root = referred(
        increment.dictionary(document.root, "the catalog").get("/Pages"),
        "/Pages",
    );
    const tree = document.dictionary(root, "the tree of pages");
    const added = drawn.map(({ content, size }) => {
        const stream = increment.addStream(content);
        return increment.add(
            new Map(
                /** @type {[string, Value][]} */ ([
                    ["/Type", "/Page"],
                    ["/Parent", reference(root)],
                    ["/MediaBox", ["0", "0", real(size.width), real(size.height)]],
                    ["/CropBox", ["0", "0", real(size.width), real(size.height)]],
                    ["/Rotate", "0"],
                    ["/Resources", new Map([["/Font", new Map([[RESOURCE, font]])]])],
                    ["/Contents", reference(stream)],
                ]),
            ),
        );
    });
    if (added.length > 0) {
        const kids = array(document.resolve(tree.get("/Kids")), "/Kids");
        const count = natural(document.resolve(tree.get("/Count")), "/Count") + added.length;
        const longer = /** @type {[string, Value][]} */ ([
            ["/Kids", [...kids, ...references(added)]],
            ["/Count", String(count)],
        ]);
        increment.put(root, new Map([...tree, ...longer]));
    }
    return asBytes(increment.write().data);
}

/** @param {number} one @returns {string} */
function real(one) {
    return one.toFixed(2).replace(/\.?0+$/, "");
}
