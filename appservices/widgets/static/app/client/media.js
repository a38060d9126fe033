/**
 * Pictures and files of messages: fetched with our token, opened with their key, shown as `blob:`.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {object} Stored where the bytes of a message lie
 * @property {string} [url] `mxc:`, not encrypted
 * @property {Record<string, any>} [file] `EncryptedFile`
 */
import { openAttachment, sealAttachment } from "../../kit/attachment.js";

/** What browsers draw and cannot run; no SVG. */
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);
const SOUNDS = /^(?:audio\/(?:ogg|webm|mpeg|mp4|aac|wav|x-wav|flac)|video\/(?:mp4|webm))(?:;|$)/;
export const FILE_BYTES_MAX = 100 * 1024 * 1024;
/** What is larger is not fetched before the person asks for it. */
export const PICTURE_BYTES_MAX = 30 * 1024 * 1024;
const KEPT_MAX = 150;
const THUMBNAIL_SIDE = 800;
const THUMBNAIL_FROM_BYTES = 200 * 1024;

/** A file cannot be shown: it is not there, damaged, or too large. */
export class MediaError extends Error {}

/** @type {Map<string, Promise<string>>} addresses by what they show, the least used first */
const kept = new Map();

/**
 * @param {string} key
 * @param {() => Promise<Blob>} make
 * @returns {Promise<string>} a blob: address; good until many others have been asked for
 */
function addressOf(key, make) {
    const found = kept.get(key) ?? make().then((blob) => URL.createObjectURL(blob));
    kept.delete(key);
    kept.set(key, found);
    found.catch(() => kept.delete(key));
    const [oldest] = kept;
    if (kept.size > KEPT_MAX && oldest) {
        kept.delete(oldest[0]);
        void oldest[1].then((address) => URL.revokeObjectURL(address));
    }
    return found;
}

/**
 * @param {MatrixClient} client
 * @param {string | null} address
 * @param {number} [bytes_max]
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function fetched(client, address, bytes_max = FILE_BYTES_MAX) {
    if (!address) throw new MediaError("not an address of media");
    const headers = { authorization: `Bearer ${client.getAccessToken()}` };
    const answer = await fetch(address, { headers, credentials: "omit" });
    if (!answer.ok || !answer.body) throw new MediaError(String(answer.status));
    let left = bytes_max; // nobody has to say how long it is
    const bounded = new TransformStream({
        transform(part, out) {
            left -= part.length;
            if (left < 0) throw new MediaError("too large");
            out.enqueue(part);
        },
    });
    return new Uint8Array(await new Response(answer.body.pipeThrough(bounded)).arrayBuffer());
}

/**
 * A picture that is not encrypted, made small by the homeserver: of people and rooms.
 * @param {MatrixClient} client
 * @param {string} mxc
 * @param {number} side in pixels of the page
 * @returns {Promise<string>} a blob: address
 */
export function smallPicture(client, mxc, side) {
    const pixels = Math.ceil(side * Math.min(2, window.devicePixelRatio || 1));
    return addressOf(`${mxc} ${pixels}`, async () => {
        const address = client.mxcUrlToHttp(mxc, pixels, pixels, "crop", false, true, true);
        return imageOf(await fetched(client, address, PICTURE_BYTES_MAX));
    });
}

/**
 * @param {MatrixClient} client
 * @param {Stored} stored
 * @param {string} type that the message names
 * @param {number} [bytes_max]
 * @returns {Promise<Blob>} of a type that cannot run anything here
 * @throws {MediaError}
 */
export async function fileOf(client, { url, file }, type, bytes_max) {
    const mxc = file?.url ?? url ?? "";
    const address = client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    const bytes = await fetched(client, address, bytes_max);
    const opened = file ? await openAttachment(bytes, /** @type {any} */ (file)) : bytes;
    if (!opened) throw new MediaError("it is damaged");
    const isSafe = IMAGES.has(type) || SOUNDS.test(type);
    return new Blob([opened], { type: isSafe ? type : "application/octet-stream" });
}

/** @param {MatrixClient} client @param {Stored} stored @param {string} type */
export const fileAddress = (client, { url, file }, type) =>
    // Whoever knows an address can name another key or type for it.
    addressOf(JSON.stringify([type, url, file]), () => fileOf(client, { url, file }, type));

/**
 * The picture of a message, small where it has a small one.
 * @param {MatrixClient} client
 * @param {Record<string, any>} content of an `m.image`
 * @returns {Promise<string>}
 */
export function pictureAddress(client, { url, file, info = {} }) {
    const small = { url: info?.thumbnail_url, file: info?.thumbnail_file };
    const stored = small.url || small.file ? small : { url, file };
    return addressOf(JSON.stringify(stored), async () => {
        const whole = await fileOf(client, stored, "image/png", PICTURE_BYTES_MAX);
        return imageOf(new Uint8Array(await whole.arrayBuffer()));
    });
}

const MARKS = /** @type {const} */ ([
    ["image/png", [0x89, 0x50, 0x4e, 0x47]],
    ["image/jpeg", [0xff, 0xd8, 0xff]],
    ["image/gif", [0x47, 0x49, 0x46, 0x38]],
    ["image/webp", [0x52, 0x49, 0x46, 0x46]],
    ["image/avif", [0, 0, 0]],
]);

/** By its first bytes: what a message says of its file proves nothing. @param {Uint8Array<ArrayBuffer>} bytes */
function imageOf(bytes) {
    const found = MARKS.find(([, mark]) => mark.every((byte, index) => bytes[index] === byte));
    if (!found) throw new MediaError("no picture");
    return new Blob([bytes], { type: found[0] });
}

/**
 * Uploads a file; encrypted if the room is.
 * @param {MatrixClient} client
 * @param {Blob} blob
 * @param {boolean} isSecret
 * @param {(part: number) => void} [progress] 0 to 1
 * @returns {Promise<Stored>}
 */
export async function upload(client, blob, isSecret, progress) {
    const options = {
        type: isSecret ? "application/octet-stream" : blob.type || "application/octet-stream",
        includeFilename: false,
        progressHandler: (/** @type {{loaded: number, total: number}} */ { loaded, total }) =>
            progress?.(total ? loaded / total : 0),
    };
    if (!isSecret) return { url: (await client.uploadContent(blob, options)).content_uri };
    const { cipher, file } = await sealAttachment(new Uint8Array(await blob.arrayBuffer()));
    const { content_uri } = await client.uploadContent(new Blob([cipher]), options);
    return { file: { ...file, url: content_uri } };
}

/**
 * @param {Blob} blob a picture
 * @returns {Promise<{w: number, h: number, small?: Blob, smallW?: number, smallH?: number}>}
 * @throws {MediaError} it is none
 */
export async function measured(blob) {
    let bitmap;
    try {
        bitmap = await createImageBitmap(blob);
    } catch {
        throw new MediaError("no picture");
    }
    const { width: w, height: h } = bitmap;
    const scale = Math.min(1, THUMBNAIL_SIDE / Math.max(w, h));
    if (scale === 1 && blob.size < THUMBNAIL_FROM_BYTES) return { w, h };
    const [smallW, smallH] = [
        Math.max(1, Math.round(w * scale)),
        Math.max(1, Math.round(h * scale)),
    ];
    const canvas = new OffscreenCanvas(smallW, smallH);
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, smallW, smallH);
    bitmap.close();
    const small = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
    return { w, h, small, smallW, smallH };
}

/** Whether a file of this type is shown as a picture. @param {string} type */
export const isPicture = (type) => IMAGES.has(type);
