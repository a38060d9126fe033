/**
 * Signed attributes as other programs write them, as `veche.documents.pki.attributes` reads
 * them: read and judged, not built again. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 */
import { digested, hex, isSame } from "../verify/bytes.js";
import { hashOf } from "./algorithms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";

const CONTENT_TYPE = hex(der.oid("1.2.840.113549.1.9.3"));
const MESSAGE_DIGEST = hex(der.oid("1.2.840.113549.1.9.4"));
const CERTIFICATE_V2 = hex(der.oid("1.2.840.113549.1.9.16.2.47"));

/**
 * @param {Bytes} body contents of the SET
 * @returns {Map<string, Bytes>} attributes with one value by hex of their kinds, none is there twice
 * @throws {DerError} they are not encoded as they must be
 */
export function valuesIn(body) {
    const found = new Map();
    const known = new Set();
    for (const one of der.children(body)) {
        const [kind, values] = der.members(one.body, der.OID, der.SET);
        const name = hex(der.tlv(der.OID, needed(kind)));
        const held = der.children(needed(values));
        if (known.has(name)) throw new DerError("an attribute is there twice");
        known.add(name);
        if (held.length === 1) found.set(name, held[0]?.encoded);
    }
    return found;
}

/**
 * @param {Map<string, Bytes>} values
 * @param {Bytes} contentType OID
 * @param {Bytes} own digest of what is here
 * @returns {boolean} whether they say that this was signed, as what it is
 */
export function says(values, contentType, own) {
    const kind = values.get(CONTENT_TYPE);
    const said = values.get(MESSAGE_DIGEST);
    if (!kind || !said) return false;
    return isSame(kind, contentType) && isSame(said, der.tlv(der.OCTET_STRING, own));
}

/**
 * @param {Map<string, Bytes>} values
 * @param {Certificate} certificate
 * @returns {Promise<boolean | undefined>} whether they name it; none: they name none
 * @throws {DerError} what they say is not encoded as it must be, or by a hash that is not taken
 */
export async function namesIn(values, certificate) {
    const said = values.get(CERTIFICATE_V2);
    if (!said) return undefined;
    const parts = der.children(first(first(said).encoded).body);
    const hash = parts[0]?.tag === der.SEQUENCE ? hashOf(parts[0].body) : "SHA-256";
    const its = parts.find((one) => one.tag === der.OCTET_STRING);
    if (!hash || !its) throw new DerError("a hash that is not taken");
    return isSame(await digested(hash, [certificate.encoded]), its.body);
}

/** @param {Bytes} encoded @returns {der.Element} the first element in an element */
function first(encoded) {
    const [held] = der.children(encoded);
    return needed(der.children(needed(held).body)[0]);
}

/** @template T @param {T | undefined} part @returns {T} */
function needed(part) {
    if (part === undefined) throw new DerError("a part is missing");
    return part;
}
