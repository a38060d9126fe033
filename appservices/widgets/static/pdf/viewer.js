/**
 * Drawing the pages of a file by pdf.js, in a worker of ours. Nothing in a file can run: no scripts,
 * no forms of XFA; a file that is broken anywhere is not drawn at all.
 *
 * @typedef {import("pdfjs-dist").PDFDocumentProxy} Pdf
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

import { PAGES, startWorker } from "../kit/workers.js";

const VENDOR = new URL("../vendor/pdfjs/", import.meta.url);
const PIXELS_MAX = 16_000_000;

/**
 * @param {Bytes} bytes stay as they are: what is drawn is a copy
 * @returns {Promise<{pdf: Pdf, close: () => void}>} `close` ends its worker
 */
export async function openPdf(bytes) {
    const { PDFWorker, getDocument } = await import("pdfjs-dist");
    const port = startWorker(PAGES);
    const worker = PDFWorker.create({ port: /** @type {any} */ (port) });
    const task = getDocument({
        data: bytes.slice(),
        worker,
        enableXfa: false,
        stopAtErrors: true,
        useWorkerFetch: false, // the worker's policy lets it fetch nothing
        useWasm: false,
        standardFontDataUrl: new URL("standard_fonts/", VENDOR).href,
        wasmUrl: new URL("wasm/", VENDOR).href,
    });
    const close = () => {
        task.destroy().then(end, end);
    };
    const end = () => {
        worker.destroy();
        port.terminate();
    };
    try {
        return { pdf: await task.promise, close };
    } catch (error) {
        close();
        throw error;
    }
}

/**
 * @param {Pdf} pdf
 * @param {number} number of the page, from 1
 * @param {HTMLCanvasElement} canvas
 * @param {number} width CSS pixels
 * @returns {Promise<void>} once it is drawn
 */
export async function drawPage(pdf, number, canvas, width) {
    const page = await pdf.getPage(number);
    const plain = page.getViewport({ scale: 1 });
    const wanted = (width / plain.width) * Math.min(devicePixelRatio || 1, 2);
    const most = Math.sqrt(PIXELS_MAX / (plain.width * plain.height));
    const viewport = page.getViewport({ scale: Math.min(wanted, most) });
    canvas.width = Math.floor(viewport.width);
    canvas.height = Math.floor(viewport.height);
    await page.render({ canvas, viewport }).promise;
}

/** @param {Pdf} pdf @returns {Promise<string[]>} names of the files within it */
export async function attachedTo(pdf) {
    const found = await pdf.getAttachments();
    return found ? Array.from(found, ([key, one]) => one.filename || key) : [];
}

/** @param {Pdf} pdf @param {number} number @returns {Promise<{ratio: number, text: string}>} */
export async function readPage(pdf, number) {
    const page = await pdf.getPage(number);
    const { width, height } = page.getViewport({ scale: 1 });
    const { items } = await page.getTextContent();
    const parts = items.map((one) => ("str" in one ? one.str + (one.hasEOL ? "\n" : "") : ""));
    return { ratio: width / height, text: parts.join("").trim() };
}
