/**
 * Finds a QR code in a picture: by the browser's own detector where it has one for them, else by a
 * library, which is loaded only then.
 *
 * @typedef {ImageBitmap | HTMLVideoElement} Picture
 * @typedef {(picture: Picture) => Promise<string>} Detect the text; empty if there is no code
 */

/** Larger pictures are made smaller: a code has at most 177 modules a side. */
const SIDE_MAX = 1200;

/** @returns {Promise<Detect>} */
export async function detector() {
    return (await ofBrowser()) ?? ofLibrary();
}

/** @returns {Promise<Detect | undefined>} none where the browser knows no QR codes */
async function ofBrowser() {
    const found = /** @type {any} */ (globalThis).BarcodeDetector;
    try {
        if (!found || !(await found.getSupportedFormats()).includes("qr_code")) return undefined;
        const one = new found({ formats: ["qr_code"] });
        return async (picture) => {
            try {
                const [code] = await one.detect(picture);
                return code?.rawValue ?? "";
            } catch {
                return ""; // the next picture may be better
            }
        };
    } catch {
        return undefined;
    }
}

/** @returns {Promise<Detect>} of codes that hold bytes: one character a byte, by the library always */
export function byteDetector() {
    return ofLibrary((bytes) => String.fromCharCode(...bytes));
}

/** @param {(bytes: Uint8Array) => string} [textDecoder] @returns {Promise<Detect>} */
async function ofLibrary(textDecoder) {
    const { decodeQR } = await import("qr/decode.js");
    return async (picture) => {
        const pixels = pixelsOf(picture);
        if (!pixels) return "";
        try {
            return decodeQR(pixels, textDecoder ? { textDecoder } : {});
        } catch {
            return ""; // it finds none by an error
        }
    };
}

/** @param {Picture} picture @returns {ImageData | undefined} */
function pixelsOf(picture) {
    const isFilm = picture instanceof HTMLVideoElement;
    const width = isFilm ? picture.videoWidth : picture.width;
    const height = isFilm ? picture.videoHeight : picture.height;
    const scale = Math.min(1, SIDE_MAX / Math.max(width, height, 1));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    if (!drawing || !canvas.width || !canvas.height) return undefined;
    drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return drawing.getImageData(0, 0, canvas.width, canvas.height);
}
