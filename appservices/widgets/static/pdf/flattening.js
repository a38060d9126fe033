/**
 * Forms and comments become content of their pages, and what can act, switch or lead elsewhere is
 * left out, as `appservices.signing.papers.service.uploads` does it.
 *
 * @typedef {import("@cantoo/pdf-lib").PDFObject} PdfObject
 * @typedef {import("@cantoo/pdf-lib").PDFDict} Dict
 * @typedef {import("@cantoo/pdf-lib").PDFRawStream} Stream
 * @typedef {import("./reading.js").Source} Source
 * @typedef {"form" | "comments" | "links" | "scripts" | "layers" | "attachments" | "carries"
 *   | "tags" | "fonts"} Note what was changed
 */
import { PdfError, asBytes } from "./values.js";

const ROOT_KEPT = new Set(
    [
        ...["Type", "Pages", "Version", "Metadata", "Lang", "MarkInfo", "StructTreeRoot"],
        ...["OutputIntents", "PageLabels", "PageLayout", "ViewerPreferences"],
    ].map((one) => `/${one}`),
);
const STRUCTURE = ["StructTreeRoot", "MarkInfo"];
const PAGE_DROPPED = [
    "AA",
    "Annots",
    "B",
    "Dur",
    "PieceInfo",
    "PresSteps",
    "Tabs",
    "Thumb",
    "Trans",
];
const ROOT_NOTES = /** @type {const} */ ([
    ["AA", "scripts"],
    ["AcroForm", "form"],
    ["Collection", "attachments"],
    ["OCProperties", "layers"],
    ["OpenAction", "scripts"],
    ["Outlines", "links"],
]);
const NAMES_NOTES = /** @type {const} */ ([
    ["JavaScript", "scripts"],
    ["EmbeddedFiles", "attachments"],
]);
/** @type {Note[]} in the order in which they are told */
export const NOTES = [
    ...[
        "form",
        "comments",
        "links",
        "scripts",
        "layers",
        "attachments",
        "carries",
        "tags",
        "fonts",
    ],
].map((one) => /** @type {Note} */ (one));
/** Invisible, or hidden. */
const UNSEEN = 0b11;
/** What the one font for answers has no letters for (WinAnsiEncoding). */
const UNDRAWN =
    /[^\s\u0020-\u007e\u00a0-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]/;
const IDENTITY = [1, 0, 0, 1, 0, 0];

/** A form's answers can't be drawn with the letters that are here. */
export class FormError extends PdfError {}

/** One file that is being flattened. */
export class Flattening {
    /** @param {Source} source @param {Dict[]} pages */
    constructor(source, pages) {
        this.source = source;
        this.pages = pages;
        this.catalog = /** @type {Dict} */ (this.#look(source.context.trailerInfo.Root));
    }

    /** @param {PdfObject | undefined} one */
    #look(one) {
        return this.source.context.lookup(one);
    }

    /** @param {string} key */
    #name(key) {
        return this.source.library.PDFName.of(key);
    }

    /** @param {Dict} dict @param {string} key @returns {Dict | undefined} */
    #dict(dict, key) {
        const held = dict.lookup(this.#name(key));
        return held instanceof this.source.library.PDFDict ? held : undefined;
    }

    /** @returns {Promise<Note[]>} what was there besides pages */
    async flatten() {
        /** @type {Set<Note>} */
        const notes = new Set(this.#rootNotes());
        await this.#drawAnswers();
        for (const page of this.pages) {
            const notesHere = this.#annotations(page);
            for (const one of notesHere) notes.add(this.#kindOf(one));
            this.#draw(page, notesHere);
            if (["AA", "PresSteps"].some((key) => page.has(this.#name(key)))) notes.add("scripts");
            for (const key of PAGE_DROPPED) page.delete(this.#name(key));
        }
        for (const [key] of this.catalog.entries())
            if (!ROOT_KEPT.has(key.asString())) this.catalog.delete(key);
        return NOTES.filter((one) => notes.has(one));
    }

    /** Leaves the structure for screen readers out, which refers to what could act. */
    dropStructure() {
        for (const key of STRUCTURE) this.catalog.delete(this.#name(key));
    }

    /** @returns {Note[]} */
    #rootNotes() {
        const names = this.#dict(this.catalog, "Names");
        return [
            ...ROOT_NOTES.filter(([key]) => this.catalog.has(this.#name(key))),
            ...NAMES_NOTES.filter(([key]) => names?.has(this.#name(key))),
        ].map(([, note]) => note);
    }

    /** Gives each answer of the form a picture, where its program left that to the reader. */
    async #drawAnswers() {
        const form = this.#dict(this.catalog, "AcroForm");
        const { PDFBool, PDFDocument } = this.source.library;
        if (form?.lookup(this.#name("NeedAppearances")) !== PDFBool.True) return;
        try {
            const Whole = /** @type {any} */ (PDFDocument);
            const whole = new Whole(this.source.context, true, false);
            const fields = whole.getForm();
            for (const one of fields.getFields()) {
                const said = [one.getText?.() ?? "", ...(one.getSelected?.() ?? [])].flat();
                if (said.some((words) => UNDRAWN.test(String(words))))
                    throw new FormError("an answer has letters that are not here");
                fields.markFieldAsDirty(one.ref);
            }
            fields.updateFieldAppearances();
            await whole.flush();
        } catch (error) {
            throw new FormError("the answers of its form can't be drawn here", { cause: error });
        }
    }

    /** @param {Dict} page @returns {Dict[]} */
    #annotations(page) {
        const { PDFArray, PDFDict } = this.source.library;
        const held = page.lookup(this.#name("Annots"));
        if (!(held instanceof PDFArray)) return [];
        return held.asArray().flatMap((one) => {
            const found = this.#look(one);
            return found instanceof PDFDict ? [found] : [];
        });
    }

    /** @param {Dict} annotation @returns {Note} */
    #kindOf(annotation) {
        const kind = String(annotation.lookup(this.#name("Subtype")));
        if (kind === "/Link") return "links";
        if (kind === "/Widget") return "form";
        return kind === "/FileAttachment" ? "attachments" : "comments";
    }

    /** @param {Dict} page @param {Dict[]} annotations drawn over it */
    #draw(page, annotations) {
        const drawn = annotations.flatMap((one) => {
            const picture = this.#pictureOf(one);
            const placing = picture && this.#placing(one, picture);
            return picture && placing ? [{ picture, placing }] : [];
        });
        if (drawn.length === 0) return;
        const { context, library } = this.source;
        const pictures = this.#ownPictures(page);
        const lines = drawn.map(({ picture, placing }, at) => {
            let name = `VecheFlat${at}`;
            while (pictures.has(this.#name(name))) name += "x";
            pictures.set(this.#name(name), context.register(picture));
            return `q ${placing.map(real).join(" ")} cm /${name} Do Q\n`;
        });
        const stream = (/** @type {string} */ content) =>
            context.register(library.PDFRawStream.of(context.obj({}), asBytes(content)));
        const held = page.lookup(this.#name("Contents"));
        const there =
            held instanceof library.PDFArray
                ? held.asArray()
                : [page.get(this.#name("Contents"))].filter((one) => one !== undefined);
        const whole = [stream("q\n"), ...there, stream(`\nQ\n${lines.join("")}`)];
        page.set(this.#name("Contents"), context.obj(/** @type {any} */ (whole)));
    }

    /** @param {Dict} page @returns {Dict} its own table of pictures, which no other page shares */
    #ownPictures(page) {
        const { context } = this.source;
        const resources = this.#inherited(page, "Resources");
        const own = context.obj({});
        for (const [key, one] of resources?.entries() ?? []) own.set(key, one);
        const pictures = context.obj({});
        const known = resources && this.#dict(resources, "XObject");
        for (const [key, one] of known?.entries() ?? []) pictures.set(key, one);
        own.set(this.#name("XObject"), pictures);
        page.set(this.#name("Resources"), own);
        return pictures;
    }

    /** @param {Dict} page @param {string} key @returns {Dict | undefined} */
    #inherited(page, key) {
        /** @type {Dict | undefined} */
        let node = page;
        for (let depth = 0; node && depth < 64; depth += 1) {
            const held = this.#dict(node, key);
            if (held) return held;
            node = this.#dict(node, "Parent");
        }
        return undefined;
    }

    /** @param {Dict} annotation @returns {Stream | undefined} what readers show of it */
    #pictureOf(annotation) {
        const { PDFRawStream, PDFStream, PDFDict, PDFNumber, PDFName } = this.source.library;
        const flags = annotation.lookup(this.#name("F"));
        if (flags instanceof PDFNumber && flags.asNumber() & UNSEEN) return undefined;
        const looks = this.#dict(annotation, "AP");
        const normal = looks?.lookup(this.#name("N"));
        const state = annotation.lookup(this.#name("AS"));
        const found =
            normal instanceof PDFDict && state instanceof PDFName ? normal.lookup(state) : normal;
        if (!(found instanceof PDFStream)) return undefined;
        // Only a form has a box to be placed by; some programs leave the words out that say so.
        found.dict.set(this.#name("Type"), this.#name("XObject"));
        found.dict.set(this.#name("Subtype"), this.#name("Form"));
        return found instanceof PDFRawStream
            ? found
            : PDFRawStream.of(found.dict, found.getContents());
    }

    /**
     * @param {Dict} annotation
     * @param {Stream} picture
     * @returns {number[] | undefined} the matrix that fits it into its box (ISO 32000-1 §12.5.5)
     */
    #placing(annotation, picture) {
        const rect = this.#numbers(annotation, "Rect");
        const box = this.#numbers(picture.dict, "BBox");
        const matrix = this.#numbers(picture.dict, "Matrix") ?? IDENTITY;
        if (rect?.length !== 4 || box?.length !== 4 || matrix.length !== 6) return undefined;
        const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = matrix;
        const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
        const points = [x1, x2].flatMap((x) =>
            [y1, y2].map((y) => [a * x + c * y + e, b * x + d * y + f]),
        );
        const [xs, ys] = [points.map(([x = 0]) => x), points.map(([, y = 0]) => y)];
        const [left, right] = [Math.min(...xs), Math.max(...xs)];
        const [low, high] = [Math.min(...ys), Math.max(...ys)];
        const [r1 = 0, r2 = 0, r3 = 0, r4 = 0] = rect;
        if (right === left || high === low) return undefined;
        const wide = Math.abs(r3 - r1) / (right - left);
        const tall = Math.abs(r4 - r2) / (high - low);
        const [x, y] = [Math.min(r1, r3), Math.min(r2, r4)];
        return [wide, 0, 0, tall, x - left * wide, y - low * tall];
    }

    /** @param {Dict} dict @param {string} key @returns {number[] | undefined} */
    #numbers(dict, key) {
        const { PDFArray, PDFNumber } = this.source.library;
        const held = dict.lookup(this.#name(key));
        if (!(held instanceof PDFArray)) return undefined;
        const found = held.asArray().map((one) => this.#look(one));
        return found.every((one) => one instanceof PDFNumber)
            ? found.map((one) =>
                  /** @type {import("@cantoo/pdf-lib").PDFNumber} */ (one).asNumber(),
              )
            : undefined;
    }
}

/** @param {number} one @returns {string} */
function real(one) {
    return one.toFixed(5).replace(/\.?0+$/, "") || "0";
}
