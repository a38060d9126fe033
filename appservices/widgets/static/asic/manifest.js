/**
 * Manifests of containers, read by writing them again, as `veche.documents.asic.manifest` does. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 * @typedef {import("../signatures/digests.js").Hash} Hash
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} kind
 * @property {string} digest in base64
 * @property {Hash} [by] the hash; none: SHA-256
 */
import { fromPadded, isSame, utf8 } from "../verify/bytes.js";
import { HASHES, SHA256 } from "../signatures/digests.js";
import { ArchiveError } from "./archive.js";

const READ =
    /<asic:DataObjectReference URI="([^"<>&]+)" MimeType="([^"<>&]+)"><ds:DigestMethod Algorithm="([^"<>&]+)"\/><ds:DigestValue>([A-Za-z0-9+/]{43,86}={0,2})</g;
const KIND = /^[a-zA-Z0-9!#$^_.+-]{1,80}\/[a-zA-Z0-9!#$^_.+-]{1,80}$/;

/** @param {string} name */
const encoded = (name) => name.split("/").map(encodeURIComponent).join("/");

/** @param {Row[]} rows @returns {Bytes} */
export function writeRows(rows) {
    return utf8(
        rows
            .map(
                ({ name, kind, digest, by = SHA256 }) =>
                    `<asic:DataObjectReference URI="${encoded(name)}" MimeType="${kind}">` +
                    `<ds:DigestMethod Algorithm="${by.uri}"/>` +
                    `<ds:DigestValue>${digest}</ds:DigestValue></asic:DataObjectReference>`,
            )
            .join(""),
    );
}

/** @param {[string, string]} signature name and media type @param {Row[]} rows @returns {Bytes} */
export function writeManifest([name, kind], rows) {
    const head =
        '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"' +
        ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#">' +
        `<asic:SigReference URI="${name}" MimeType="${kind}"/>`;
    return utf8(head + new TextDecoder().decode(writeRows(rows)) + "</asic:ASiCManifest>");
}

/**
 * @param {Bytes} data
 * @param {[string, string]} signature name and media type of the file that it belongs to
 * @returns {Row[]}
 * @throws {ArchiveError} it is of another form
 */
export function readManifest(data, signature) {
    try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
        const rows = [...text.matchAll(READ)].map(rowOf);
        const isKnown = rows.every(({ kind, by }) => KIND.test(kind) && by === rows[0]?.by);
        if (isKnown && isSame(writeManifest(signature, rows), data)) return rows;
    } catch (error) {
        if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    }
    throw new ArchiveError("a manifest of another form");
}

/** @param {string[]} found @returns {Row & {by: Hash}} @throws {ArchiveError} */
function rowOf([, name = "", kind = "", uri = "", digest = ""]) {
    const by = HASHES.find((one) => one.uri === uri);
    // The last letter of base64 has no bits left over.
    if (!by || fromPadded(digest)?.length !== by.size)
        throw new ArchiveError("a manifest of another form");
    return { name: decodeURIComponent(name), kind, digest, by };
}
