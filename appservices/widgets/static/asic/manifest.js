/**
 * Manifests of containers, read by writing them again, as `veche.protocol.asic.manifest` does. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} kind
 * @property {string} digest SHA-256 in base64
 */
import { isSame, utf8 } from "../verify/bytes.js";
import { ArchiveError } from "./archive.js";

const READ =
    /<asic:DataObjectReference URI="([^"<>&]+)" MimeType="([^"<>&]+)"><ds:DigestMethod [^<>]+\/><ds:DigestValue>([A-Za-z0-9+/]{43}=)</g;
const KIND = /^[a-zA-Z0-9!#$^_.+-]{1,80}\/[a-zA-Z0-9!#$^_.+-]{1,80}$/;

/** @param {string} name */
const encoded = (name) => name.split("/").map(encodeURIComponent).join("/");

/** @param {Row[]} rows @returns {Bytes} */
export function writeRows(rows) {
    return utf8(
        rows
            .map(
                ({ name, kind, digest }) =>
                    `<asic:DataObjectReference URI="${encoded(name)}" MimeType="${kind}">` +
                    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>' +
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
        const rows = [...text.matchAll(READ)].map(([, name = "", kind = "", digest = ""]) => ({
            name: decodeURIComponent(name),
            kind,
            digest,
        }));
        const isKnown = rows.every(({ kind, digest }) => KIND.test(kind) && isOnlyForm(digest));
        if (isKnown && isSame(writeManifest(signature, rows), data)) return rows;
    } catch (error) {
        if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    }
    throw new ArchiveError("a manifest of another form");
}

/** @param {string} digest whether its last letter has no bits left over */
function isOnlyForm(digest) {
    return btoa(atob(digest)) === digest;
}
