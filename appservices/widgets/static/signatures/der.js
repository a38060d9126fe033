/**
 * The little DER that signatures need, as `veche.documents.pki.der` reads and writes it. Pure.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Element
 * @property {number} tag
 * @property {Bytes} body
 * @property {Bytes} encoded the whole, as it was read
 */
import { joined } from "../verify/bytes.js";

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OID = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

const CHILDREN_MAX = 64;
const LENGTH_BYTES_MAX = 4;
const INDEFINITE_DEPTH_MAX = 16;
const CONSTRUCTED = 0x20;

/** The bytes are not the DER that was expected. */
export class DerError extends Error {}

/** @param {number} tag @param {Uint8Array[]} parts @returns {Bytes} one element */
export function tlv(tag, ...parts) {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size < 0x80) return joined(Uint8Array.of(tag, size), ...parts);
    const length = [];
    for (let left = size; left > 0; left = Math.floor(left / 256)) length.unshift(left % 256);
    return joined(Uint8Array.of(tag, 0x80 | length.length, ...length), ...parts);
}

/** @param {Uint8Array[]} parts */
export function sequence(...parts) {
    return tlv(SEQUENCE, ...parts);
}

/** @param {Uint8Array[]} parts @returns {Bytes} in the order of their encodings */
export function setOf(...parts) {
    return tlv(SET, ...parts.toSorted(compare));
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function compare(one, other) {
    const at = one.findIndex((byte, index) => byte !== other[index]);
    return at < 0 ? one.length - other.length : (one[at] ?? 0) - (other[at] ?? -1);
}

/** @param {string} dotted @returns {Bytes} */
export function oid(dotted) {
    const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
    const body = [first * 40n + second, ...rest].flatMap((value) => {
        const chunk = [Number(value & 0x7fn)];
        for (let left = value >> 7n; left > 0n; left >>= 7n)
            chunk.unshift(0x80 | Number(left & 0x7fn));
        return chunk;
    });
    return tlv(OID, Uint8Array.from(body));
}

/** @param {Bytes} data @param {number} [at] @returns {[Element, number]} and where it ends */
export function read(data, at = 0) {
    const [tag, first] = [data[at], data[at + 1]];
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f)
        throw new DerError("no element with a tag of one octet begins here");
    let [size, start] = [first, at + 2];
    if (first & 0x80) {
        const count = first & 0x7f;
        const octets = data.subarray(start, start + count);
        size = octets.reduce((sum, byte) => sum * 256 + byte, 0);
        const isShortest = count > 0 && octets[0] !== 0 && size >= 0x80;
        if (!isShortest || count > LENGTH_BYTES_MAX || octets.length < count)
            throw new DerError("a length is not as short as it can be");
        start += count;
    }
    const end = start + size;
    if (end > data.length) throw new DerError("an element is longer than what holds it");
    return [{ tag, body: data.subarray(start, end), encoded: data.subarray(at, end) }, end];
}

/**
 * The element with definite lengths, as `veche.documents.pki.der.read_indefinite` reads it.
 * @param {Bytes} data
 * @param {number} [at]
 * @param {number} [depth]
 * @returns {[Bytes, number]} and where it ends
 */
export function readIndefinite(data, at = 0, depth = 0) {
    if (data[at + 1] !== 0x80) {
        const [{ encoded }, end] = read(data, at);
        return [encoded, end];
    }
    const tag = data[at] ?? 0;
    if (depth === INDEFINITE_DEPTH_MAX || (tag & CONSTRUCTED) === 0)
        throw new DerError("a length is indefinite where it cannot be");
    const parts = [];
    let next = at + 2;
    while (data[next] !== 0 || data[next + 1] !== 0) {
        const [part, end] = readIndefinite(data, next, depth + 1);
        parts.push(part);
        next = end;
    }
    const isText = tag === (CONSTRUCTED | OCTET_STRING);
    const held = isText ? parts.map((one) => readWhole(one, OCTET_STRING)) : parts;
    return [tlv(isText ? OCTET_STRING : tag, ...held), next + 2];
}

/** @param {Bytes} data @param {number} tag @returns {Bytes} contents of the one element it is */
export function readWhole(data, tag) {
    const [element, end] = read(data);
    if (element.tag !== tag || end !== data.length) throw new DerError("not that one element");
    return element.body;
}

/** @param {Bytes} body @param {number} [most] @returns {Element[]} */
export function children(body, most = CHILDREN_MAX) {
    const found = [];
    for (let at = 0; at < body.length;) {
        if (found.length === most) throw new DerError("too many elements in one");
        const [element, end] = read(body, at);
        found.push(element);
        at = end;
    }
    return found;
}

/** @param {Bytes} body @param {number[]} tags @returns {Bytes[]} contents of known elements */
export function members(body, ...tags) {
    const found = children(body);
    if (found.length !== tags.length || found.some((one, at) => one.tag !== tags[at]))
        throw new DerError("not the elements that belong here");
    return found.map((one) => one.body);
}
