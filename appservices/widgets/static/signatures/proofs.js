/**
 * The two forms of proof that a certificate was not revoked, as `veche.documents.pki.revocation`
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
const BASIC = der.oid("1.3.6.1.5.5.7.48.1.1");
const [CONTEXT_0, CONTEXT_1] = [0xa0, 0xa1];

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
        if (!kind || !held || more.length > 0) return encoded;
        if (isSame(kind.encoded, BASIC)) return answerOf(held.encoded);
        return isSame(kind.encoded, OCSP) ? held.encoded : encoded;
    });
}

/**
 * @param {Bytes} encoded RevocationValues, or RevocationInfoArchival
 * @returns {Bytes[]} the proofs in an attribute that programs of others keep them in
 */
export function archived(encoded) {
    return der.children(der.readWhole(encoded, der.SEQUENCE)).flatMap(({ tag, body }) => {
        if (tag !== CONTEXT_0 && tag !== CONTEXT_1) return [];
        return der
            .children(der.readWhole(body, der.SEQUENCE))
            .map((one) => one.encoded)
            .map((one) => (tag === CONTEXT_1 && !isAnswer(one) ? answerOf(one) : one));
    });
}

/** @param {Bytes[]} answers @returns {Bytes} RevocationValues with them @throws {DerError} */
export function toValues(answers) {
    const basics = answers.map(basicOf).toSorted(der.compare);
    return der.sequence(der.tlv(CONTEXT_1, der.sequence(...basics)));
}

/** @param {Bytes} answer @returns {Bytes} all that is signed of it, with its signature */
function basicOf(answer) {
    const [, held] = der.children(der.readWhole(answer, der.SEQUENCE));
    const whole = der.readWhole(held?.body ?? new Uint8Array(), der.SEQUENCE);
    const [, basic] = der.members(whole, der.OID, der.OCTET_STRING);
    if (!basic || !isSame(answerOf(basic), answer))
        throw new DerError("no answer that says something");
    return basic;
}

/** @param {Bytes} basic @returns {Bytes} the answer of which this is all that is signed */
function answerOf(basic) {
    const held = der.sequence(BASIC, der.tlv(der.OCTET_STRING, basic));
    return der.sequence(der.tlv(ENUMERATED, Uint8Array.of(0)), der.tlv(CONTEXT_0, held));
}
