/**
 * Answers of OCSP responders, as `veche.protocol.signatures.ocsp` reads them (RFC 6960 §4). Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 *
 * @typedef {object} CertificateId
 * @property {string} hash of the next two, as WebCrypto names it
 * @property {Bytes} nameHash of the issuer's name
 * @property {Bytes} keyHash of the issuer's key
 * @property {Bytes} serial contents of the INTEGER
 *
 * @typedef {object} State what is said of one certificate
 * @property {CertificateId} about
 * @property {"good" | "revoked" | "unknown"} status
 * @property {number | undefined} sinceMs of a revoked one
 * @property {number | undefined} reason of a revoked one, if it is said
 * @property {number} atMs when that was known to be so
 * @property {number} speaksUntilMs
 *
 * @typedef {object} Answer nothing of it is verified yet
 * @property {Bytes} signed
 * @property {Bytes} signature
 * @property {import("./algorithms.js").Scheme | undefined} scheme none: not taken
 * @property {Bytes | undefined} name of the responder
 * @property {Bytes | undefined} keyHash SHA-1 of the responder's key, if it is named by that
 * @property {number} producedAtMs
 * @property {State[]} states
 * @property {Bytes[]} certificates that came with it
 */
import { hex, isSame } from "../verify/bytes.js";
import { hasSigned, hashOf, idOf, schemeOf, wholeBits } from "./algorithms.js";
import { checkNatural, momentOf } from "./cms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { ENUMERATED } from "./proofs.js";

const FRESH_FOR_MS = 3_600_000;
const CERTIFICATES_MAX = 4;
const CLOCKS_MS = 2_000;
const BASIC = idOf("1.3.6.1.5.5.7.48.1.1");
const SHA1 = idOf("1.3.14.3.2.26");
const [CONTEXT_0, CONTEXT_1, CONTEXT_2] = [0xa0, 0xa1, 0xa2];
const [GOOD, REVOKED, UNKNOWN] = [0x80, 0xa1, 0x82];
const REASONS = new Set([0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
const NO_PARAMETERS = new Set(["", "0500"]);

/** @param {Bytes} encoded OCSPResponse @returns {Answer} @throws {DerError} it is none */
export function readAnswer(encoded) {
    const [status, ...rest] = der.children(der.readWhole(encoded, der.SEQUENCE));
    if (status?.tag !== ENUMERATED || hex(status.body) !== "00")
        throw new DerError("the responder gives no answer");
    const wrapped = der.readWhole(only(rest, CONTEXT_0), der.SEQUENCE);
    const [kind, held] = der.members(wrapped, der.OID, der.OCTET_STRING);
    if (!kind || !held || hex(kind) !== BASIC) throw new DerError("not a basic answer");
    const [data, algorithm, bits, ...more] = der.children(der.readWhole(held, der.SEQUENCE));
    if (data?.tag !== der.SEQUENCE || algorithm?.tag !== der.SEQUENCE || !bits)
        throw new DerError("nothing that is signed");
    const chain = more.length > 0 ? within(only(more, CONTEXT_0)) : [];
    const [responder, produced, states, ...extensions] = der.children(data.body);
    if (states?.tag !== der.SEQUENCE) throw new DerError("it says nothing");
    const producedAtMs = momentIn(produced);
    checkExtensions(extensions);
    return {
        signed: data.encoded,
        signature: wholeBits(bits),
        scheme: schemeIn(algorithm.body),
        ...responderIn(responder),
        producedAtMs,
        states: der.children(states.body).map((one) => stateIn(one, producedAtMs)),
        certificates: chain.slice(0, CERTIFICATES_MAX).map((one) => one.encoded),
    };
}

/** @param {Answer} answer @param {Certificate} one @returns {Promise<boolean>} that of its responder */
export async function namesResponder(answer, one) {
    if (answer.name) return isSame(answer.name, one.subject);
    return (
        answer.keyHash !== undefined && isSame(answer.keyHash, await digest("SHA-1", one.keyBits))
    );
}

/** @param {Answer} answer @param {Certificate} one @returns {Promise<boolean>} signed by its key */
export async function isAnswerOf({ signature, signed, scheme }, { key }) {
    return hasSigned(key, signature, signed, scheme);
}

/**
 * @param {CertificateId} about
 * @param {Certificate} certificate
 * @param {Certificate} issuer
 * @returns {Promise<boolean>} whether it is this certificate, of this issuer
 */
export async function isMeant({ hash, nameHash, keyHash, serial }, certificate, issuer) {
    return (
        isSame(serial, certificate.serial) &&
        isSame(nameHash, await digest(hash, issuer.subject)) &&
        isSame(keyHash, await digest(hash, issuer.keyBits))
    );
}

/** @param {string} hash @param {Bytes} data */
async function digest(hash, data) {
    return new Uint8Array(await crypto.subtle.digest(hash, data));
}

/** @param {der.Element[]} parts @param {number} tag @returns {Bytes} contents of the only one */
function only(parts, tag) {
    const [part, ...more] = parts;
    if (part?.tag !== tag || more.length > 0)
        throw new DerError("not the elements that belong here");
    return part.body;
}

/** @param {Bytes} body @returns {der.Element[]} those of the SEQUENCE that it is */
const within = (body) => der.children(der.readWhole(body, der.SEQUENCE));

/** @param {Bytes} body parameters are not under the signature, so none say anything by chance */
function schemeIn(body) {
    const found = schemeOf(body);
    const parameters = hex(body.subarray(der.read(body)[1]));
    return found?.kind === "pss" || NO_PARAMETERS.has(parameters) ? found : undefined;
}

/** @param {der.Element | undefined} one */
function responderIn(one) {
    if (one?.tag === CONTEXT_1)
        return { name: der.sequence(der.readWhole(one.body, der.SEQUENCE)), keyHash: undefined };
    if (one?.tag === CONTEXT_2)
        return { name: undefined, keyHash: der.readWhole(one.body, der.OCTET_STRING) };
    throw new DerError("it does not say whose answer it is");
}

/** @param {der.Element} one @param {number} producedAtMs @returns {State} */
function stateIn(one, producedAtMs) {
    if (one.tag !== der.SEQUENCE) throw new DerError("not what is said of a certificate");
    const [about, status, known, ...rest] = der.children(one.body);
    const next = rest[0]?.tag === CONTEXT_0 ? rest.shift() : undefined;
    const [end, more] = next ? der.children(next.body) : [];
    if (more) throw new DerError("something follows");
    checkExtensions(rest);
    const atMs = momentIn(known);
    const untilMs = next && momentIn(end);
    if (atMs > producedAtMs + CLOCKS_MS || (untilMs !== undefined && untilMs < atMs))
        throw new DerError("its times contradict each other");
    const speaksUntilMs = untilMs ?? atMs + FRESH_FOR_MS;
    return { about: aboutIn(about), ...statusIn(status), atMs, speaksUntilMs };
}

/** @param {der.Element | undefined} one @returns {CertificateId} */
function aboutIn(one) {
    const tags = [der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER];
    const [algorithm, nameHash, keyHash, serial] = der.members(
        one?.body ?? new Uint8Array(),
        ...tags,
    );
    if (one?.tag !== der.SEQUENCE || !algorithm || !nameHash || !keyHash || !serial)
        throw new DerError("no certificate is named");
    const [kind] = der.read(algorithm);
    // Nothing is signed by the hash that names an issuer, so that SHA-1 is no weakness here.
    const isShort = kind.tag === der.OID && hex(kind.body) === SHA1;
    const hash = isShort ? "SHA-1" : hashOf(algorithm);
    if (!hash) throw new DerError("a certificate that is named by a hash that is not taken");
    checkNatural(serial);
    return { hash, nameHash, keyHash, serial };
}

/** @param {der.Element | undefined} one @returns {Pick<State, "status" | "sinceMs" | "reason">} */
function statusIn(one) {
    if (one?.tag === REVOKED) {
        const [since, ...why] = der.children(one.body);
        const reason = why.length > 0 ? reasonIn(only(why, CONTEXT_0)) : undefined;
        return { status: "revoked", sinceMs: momentIn(since), reason };
    }
    if (!one || ![GOOD, UNKNOWN].includes(one.tag) || one.body.length > 0)
        throw new DerError("a state that is none");
    const status = one.tag === GOOD ? "good" : "unknown";
    return { status, sinceMs: undefined, reason: undefined };
}

/** @param {Bytes} body */
function reasonIn(body) {
    const [reason, ...more] = der.readWhole(body, ENUMERATED);
    if (reason === undefined || more.length > 0 || !REASONS.has(reason))
        throw new DerError("a reason that is none");
    return reason;
}

/** @param {der.Element | undefined} one @returns {number} UTC */
function momentIn(one) {
    if (one?.tag !== der.GENERALIZED_TIME) throw new DerError("no time");
    return momentOf(one.body);
}

/** @param {der.Element[]} parts @throws {DerError} one has to be understood */
function checkExtensions(parts) {
    if (parts.length === 0) return;
    for (const one of within(only(parts, CONTEXT_1)))
        der.members(one.body, der.OID, der.OCTET_STRING);
}
