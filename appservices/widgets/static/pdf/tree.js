/**
 * The pages of a file, in their order; as `veche.documents.pdf.pages` reads them. Pure.
 *
 * @typedef {import("./document.js").PdfDocument} PdfDocument
 */
import { PdfError, array, referred } from "./values.js";

export const PAGES_MAX = 2000;
const TREE_DEPTH_MAX = 32;

/** @param {PdfDocument} document @param {number} index from 0 @returns {number} of its object */
export function pageNumber(document, index) {
    let at = 0;
    for (const number of pagesOf(document)) {
        if (at === index) return number;
        at += 1;
    }
    throw new PdfError(`there is no page ${index + 1}`);
}

/** @param {PdfDocument} document @returns {number} @throws {PdfError} too many, or no tree */
export function pageCount(document) {
    return pageNumbers(document).length;
}

/** @param {PdfDocument} document @returns {number[]} of the pages' objects, in their order */
export function pageNumbers(document) {
    return [...pagesOf(document)];
}

/** @param {PdfDocument} document @returns {Generator<number>} numbers of the pages' objects */
function* pagesOf(document) {
    const catalog = document.dictionary(document.root, "the catalog");
    const stack = [{ number: referred(catalog.get("/Pages"), "/Pages of the catalog"), depth: 0 }];
    /** @type {Set<number>} */
    const seen = new Set();
    let count = 0;
    for (let one = stack.pop(); one; one = stack.pop()) {
        const { number, depth } = one;
        if (seen.has(number) || depth > TREE_DEPTH_MAX)
            throw new PdfError("the tree of pages is none");
        seen.add(number);
        const node = document.dictionary(number, "a page");
        if (node.get("/Type") === "/Pages") {
            const kids = array(document.resolve(node.get("/Kids")), "/Kids");
            for (const kid of kids.toReversed())
                stack.push({ number: referred(kid, "a page"), depth: depth + 1 });
        } else {
            count += 1;
            if (count > PAGES_MAX) throw new PdfError(`more than ${PAGES_MAX} pages`);
            yield number;
        }
    }
}
