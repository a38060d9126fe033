/**
 * Files with signatures of forms that are not checked here, told apart as by
 * `veche.documents.signatures.other_forms`. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 */
import { asText } from "../pdf/values.js";
import * as der from "./der.js";

/** How archives begin. */
export const ARCHIVE = "PK\x03\x04";
const BEGINNING_BYTES = 1024 * 1024;
/** In DER or BER, with the answer of a stamping authority around it or not. */
const SIGNED = asText(der.oid("1.2.840.113549.1.7.2"));
const SIGNED_UP_TO = 30;
/** In base64; armored; in a message. */
const AS_TEXT =
    /^(?:[ \t\r\n]*MI[A-Za-z0-9+/]{1,6}(?:YJKoZIhvcNAQcC|GCSqGSIb3DQEHAq|BgkqhkiG9w0BBwK)|[ \t\r\n]*-----BEGIN (?:PKCS ?#?7|CMS)|[A-Z][A-Za-z-]+:[\s\S]{0,4096}?(?:multipart\/signed|application\/(?:x-)?pkcs7-))/;
const XML = /^(?:\xef\xbb\xbf)?[ \t\r\n]*</;
const XML_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#";
const FOLDER = "META-INF/";
const OFFICE = "_xmlsignatures/";
const NAME_CHARACTERS = 100;
const SIGNATURE = /^[^/\0]{0,80}(?:signature|timestamp|\.p7[sm]|\.sf)/i;
/** How many names are looked at, from the end, where the directory is. */
const NAMES_MAX = 2000;
/** How our archives go on: a version, nothing special, stored, and a day that is always the same. */
const OURS = "\x14\0\0\0\0\0\0\0\x21\x28";

/** @param {Bytes} bytes of which the first MiB is enough @returns {boolean} a signature by itself, or text or XML that has one */
export function isApart(bytes) {
    const beginning = asText(bytes.subarray(0, BEGINNING_BYTES));
    const isCms = beginning.startsWith("0") && beginning.slice(2, SIGNED_UP_TO).includes(SIGNED);
    const isXml = XML.test(beginning) && beginning.includes(XML_SIGNATURE);
    return isCms || isXml || AS_TEXT.test(beginning);
}

/** @param {Bytes} bytes @returns {boolean} whether a file is an archive */
export function isArchive(bytes) {
    return asText(bytes.subarray(0, ARCHIVE.length)) === ARCHIVE;
}

/** @param {Bytes} archive @returns {boolean} whether it begins as those that are written here */
export function isOurs(archive) {
    const end = ARCHIVE.length + OURS.length;
    return asText(archive.subarray(ARCHIVE.length, end)) === OURS;
}

/** @param {Bytes} archive @returns {boolean} whether it names a signature among its last entries */
export function isSignedArchive(archive) {
    const text = asText(archive);
    let at = text.includes(OFFICE) ? -1 : text.lastIndexOf(FOLDER);
    for (let left = NAMES_MAX; at >= 0 && left > 0; left -= 1) {
        const begin = at + FOLDER.length;
        if (SIGNATURE.test(text.slice(begin, begin + NAME_CHARACTERS))) return true;
        at = at > 0 ? text.lastIndexOf(FOLDER, at - 1) : -1;
    }
    return text.includes(OFFICE);
}
