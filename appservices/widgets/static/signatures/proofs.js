/**
 * The two forms of proof that a certificate was not revoked, as `veche.protocol.signatures.proofs`
 * has them: lists, and answers of OCSP responders. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 */
import { isSame } from "../verify/bytes.js";
import * as der from "./der.js";
import { DerError } from "./der.js";

export const ENUMERATED = 0x0a;
export const OTHER = 0xa1;
const OCSP = der.oid("1.3.6.1.5.5.7.16.2");

/** @param {Bytes} encoded @returns {boolean} whether it begins as an answer, and not as a list */
export function isAnswer(encoded) {
    try {
        return der.read(der.readWhole(encoded, der.SEQUENCE))[0].tag === ENUMERATED;
    } catch (error) {
        if (error instanceof DerError) return false;
        throw error;
    }
}

/** @param {Bytes[]} proofs @returns {Bytes[]} as CMS has them among its lists, not in its order */
export function toCms(proofs) {
    return proofs.map((proof) => (isAnswer(proof) ? der.tlv(OTHER, OCSP, proof) : proof));
}

/** @param {Bytes} body @returns {Bytes[]} the proofs among the lists of CMS */
export function fromCms(body) {
    return der.children(body).map(({ tag, body: wrapped, encoded }) => {
        const [kind, held, ...more] = tag === OTHER ? der.children(wrapped) : [];
        const isKnown = kind && held && isSame(kind.encoded, OCSP) && more.length === 0;
        return isKnown ? held.encoded : encoded;
    });
}
