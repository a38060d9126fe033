/**
 * Containers, as `veche.documents.asic.container` reads them. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 * @typedef {import("./archive.js").Entry} Entry
 * @typedef {import("./manifest.js").Row} Row
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {boolean} isStamp
 * @property {Bytes} manifest
 * @property {Row[]} rows
 * @property {Bytes} encoded
 *
 * @typedef {object} Container
 * @property {Entry[]} entries
 * @property {Entry[]} files
 * @property {Step[]} steps
 */
import { sha256, utf8, isSame } from "../verify/bytes.js";
import { SHA256, digestBy } from "../signatures/digests.js";
import { asText } from "../pdf/values.js";
import { ArchiveError, HiddenError, readArchive } from "./archive.js";
import { readManifest, writeRows } from "./manifest.js";

export const MIME = utf8("application/vnd.etsi.asic-e+zip");
export const MIME_NAME = "mimetype";
const MARK_TEXT = "PK\x03\x04";
/** What begins alike: documents of offices (ODF) and electronic books. */
const OTHERS = ["application/vnd.oasis.", "application/epub+zip"];
const BEGINNING_BYTES = 64;
const BEGINNING = MIME_NAME + String.fromCharCode(...MIME);
const NAME_AT = 30;
/** How far into a file a container is looked for. */
export const BEFORE_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 500;
const STEPS_MAX = 200;
export const FOLDER = "META-INF/";
const STEP = /^META-INF\/ASiC(Archive)?Manifest([0-9]{3})\.xml$/;
const NO_KIND = "application/octet-stream";

/** @param {Bytes} beginning of a file @returns {boolean} whether it begins as containers do */
export function isContainer(beginning) {
    const text = asText(beginning.subarray(0, BEGINNING_BYTES));
    const isOther = OTHERS.some((kind) => text.startsWith(MIME_NAME + kind, NAME_AT));
    return text.startsWith(MARK_TEXT) && text.startsWith(MIME_NAME, NAME_AT) && !isOther;
}

/**
 * How many bytes stand before the container in a file that begins as nothing known here.
 * @param {Bytes} data the first `BEFORE_BYTES_MAX` are enough
 * @returns {number} 0: there is none, or it is whole
 */
export function bytesBefore(data) {
    const text = asText(data.subarray(0, BEFORE_BYTES_MAX));
    if (text.startsWith(MARK_TEXT) || text.startsWith("%PDF-")) return 0;
    const at = text.indexOf(BEGINNING, NAME_AT) - NAME_AT;
    return at > 0 && text.startsWith(MARK_TEXT, at) ? at : 0;
}

/** @param {Bytes} data @returns {Promise<Container>} @throws {ArchiveError} it is of another form */
export async function readContainer(data) {
    const entries = await readArchive(data);
    const [mime, ...others] = entries;
    if (!mime || mime.name !== MIME_NAME || !isSame(mime.data, MIME))
        throw new ArchiveError("mimetype is not first, or not that of a container");
    if (mime.isPacked) throw new ArchiveError("mimetype is packed");
    const files = others.filter(({ name }) => !name.startsWith(FOLDER));
    const rest = others.slice(files.length);
    if (files.length < 1 || files.length > FILES_MAX || rest.length > 2 * STEPS_MAX)
        throw new ArchiveError("it has no files, or too many files or signatures");
    if (rest.length > 0 && !entries.some(({ name }) => STEP.test(name)))
        throw new ArchiveError("signatures of another form");
    if (rest.length % 2 !== 0 || files.some((one, at) => one !== others[at]))
        throw new HiddenError("something lies between the signatures");
    /** @type {Step[]} */
    const steps = [];
    for (let at = 0; at < rest.length; at += 2) steps.push(stepOf(steps, rest[at], rest[at + 1]));
    return { entries, files, steps };
}

/** @param {Container} held @param {number} step @returns {Entry[]} what is there before it */
export function before(held, step) {
    return held.entries.slice(1, 1 + held.files.length + 2 * step);
}

/** @param {Pick<Entry, "name" | "data">[]} files @returns {Promise<Bytes>} what certificates for one document name */
export async function documentDigest(files) {
    const [only, ...more] = files;
    if (only && more.length === 0) return sha256(only.data);
    const rows = [];
    for (const { name, data } of files)
        rows.push({ name, kind: NO_KIND, digest: await digestOf(data) });
    return sha256(writeRows(rows));
}

/**
 * @param {Bytes} data
 * @param {import("../signatures/digests.js").Hash} [by]
 * @returns {Promise<string>} its digest in base64
 */
export async function digestOf(data, by = SHA256) {
    return btoa(String.fromCharCode(...(await digestBy(by, data))));
}

/**
 * @param {boolean} isStamp
 * @param {number} number from 1
 * @returns {[string, string]} name and media type of a signature or a stamp
 */
export function placeOf(isStamp, number) {
    const digits = String(number).padStart(3, "0");
    return isStamp
        ? [`${FOLDER}timestamp${digits}.tst`, "application/vnd.etsi.timestamp-token"]
        : [`${FOLDER}signature${digits}.p7s`, "application/x-pkcs7-signature"];
}

/** @param {Step[]} steps before @param {Entry | undefined} manifest @param {Entry | undefined} signature */
function stepOf(steps, manifest, signature) {
    const found = STEP.exec(manifest?.name ?? "");
    const isStamp = found?.[1] !== undefined;
    const number = 1 + steps.filter((one) => one.isStamp === isStamp).length;
    const digits = String(number).padStart(3, "0");
    const place = placeOf(isStamp, number);
    if (!manifest || !signature || found?.[2] !== digits || signature.name !== place[0])
        throw new HiddenError("something lies between the signatures");
    return {
        name: signature.name.slice(FOLDER.length).split(".")[0] ?? "",
        isStamp,
        manifest: manifest.data,
        rows: readManifest(manifest.data, place),
        encoded: signature.data,
    };
}
