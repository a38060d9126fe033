/**
 * The hashes by which time stamps are made and read, as `veche.documents.pki.digests` has them:
 * people sign by SHA-256 alone. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 *
 * @typedef {object} Hash
 * @property {string} name as the end of algorithms has it
 * @property {string} called as WebCrypto calls it
 * @property {number} size of a digest, in bytes
 * @property {Bytes} identifier DER of the algorithm, without parameters
 * @property {Bytes} ecdsa DER of the algorithm by which keys of curves sign with it
 * @property {Bytes} rsa the same, with PKCS #1 v1.5
 * @property {string} uri what manifests call it (RFC 6931)
 */
import { digested, isSame } from "../verify/bytes.js";
import * as der from "./der.js";

const NULL = der.tlv(der.NULL);

/** @param {number} bits @param {number} number of it @param {string} uri @returns {Hash} */
function hash(bits, number, uri) {
    return {
        name: `sha${bits}`,
        called: `SHA-${bits}`,
        size: bits / 8,
        identifier: der.sequence(der.oid(`2.16.840.1.101.3.4.2.${number}`)),
        ecdsa: der.sequence(der.oid(`1.2.840.10045.4.3.${number + 1}`)),
        rsa: der.sequence(der.oid(`1.2.840.113549.1.1.${number + 10}`), NULL),
        uri: `http://www.w3.org/2001/04/${uri}`,
    };
}

export const SHA256 = hash(256, 1, "xmlenc#sha256");
export const HASHES = [SHA256, hash(384, 2, "xmldsig-more#sha384"), hash(512, 3, "xmlenc#sha512")];

/**
 * @param {Bytes} identifier DER of an AlgorithmIdentifier, its parameters absent or NULL
 * @param {Hash[]} [taken] those that count
 * @returns {Hash | undefined} none: another one
 */
export function hashNamed(identifier, taken = HASHES) {
    return taken.find((one) => {
        const id = der.readWhole(one.identifier, der.SEQUENCE);
        return isSame(one.identifier, identifier) || isSame(der.sequence(id, NULL), identifier);
    });
}

/** @param {string} [called] as WebCrypto calls it @returns {string} as the end of algorithms does */
export function nameOfHash(called = "") {
    return called.toLowerCase().replace("-", "");
}

/** @param {Hash} by @param {Bytes[]} parts one after the other @returns {Promise<Bytes>} */
export function digestBy({ called }, ...parts) {
    return digested(called, parts);
}
