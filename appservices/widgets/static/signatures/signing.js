/**
 * Signing a document in this page: the file never leaves it, the key neither.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("../pdf/signing.js").PdfFile} PdfFile
 * @typedef {import("../pdf/signing.js").Proofs} Proofs
 * @typedef {(imprint: Bytes, by?: import("./digests.js").Hash) => Promise<Bytes>} Stamper gives a time stamp over a digest
 *
 * @typedef {object} Certified what an authority gives who signs; DER each
 * @property {Bytes} certificate
 * @property {Bytes[]} chain between the certificate and the root
 * @property {Bytes} root
 * @property {Bytes} [tsa] certificate of who stamps, if it is who issues
 * @property {Bytes[]} [stampers] of who stamps elsewhere, and those above them
 * @property {Bytes[]} lists
 * @property {Bytes[]} [others] certificates that belong to the proofs beside these
 *
 * @typedef {object} Signing
 * @property {PdfFile} file as the signers before have left it
 * @property {string} field that was laid for the signer
 * @property {Parameters<typeof signData>[0]} key
 * @property {Certified} certified
 * @property {string} name for readers that show it without the certificate
 * @property {number} nowMs
 * @property {Stamper} stamp
 * @property {import("../pdf/appearance.js").Look} [look] what the box shows; none: nothing
 * @property {boolean} [isNew] whether the field is made with the signature, and shows nothing
 */
import { sha256 } from "../verify/bytes.js";
import { prepareStamp, prepareStep } from "../asic/growing.js";
import {
    SIGNATURE_BYTES_MAX,
    STAMP_BYTES_MAX,
    filled,
    prepareClosing,
    prepareSignature,
} from "../pdf/signing.js";
import { readCertificate } from "./certificate.js";
import { DATA, signedAttributes, withProofs } from "./cms.js";
import { SHA256 } from "./digests.js";
import { detached, signData } from "./making.js";

/** Of a signature besides its certificates and its stamp; RSA with 4096 bits has 512. */
const BARE_BYTES = 1500;
/** The same of a stamp. */
const BARE_STAMP_BYTES = 2000;

/**
 * A revision, with what somebody who can't see it can check.
 * @typedef {object} Added
 * @property {Bytes} data what is appended to the file
 * @property {Bytes} cms the signature, or the time stamp
 * @property {Bytes} digest of all that it covers
 */

/** @param {Signing} signing @returns {Promise<Added>} the revision that signs: PAdES-B-T */
export async function signFile({ file, field, key, certified, name, nowMs, stamp, look, isNew }) {
    const { chain, lists } = certified;
    const proofs = { certificates: proving(certified), lists };
    const room = roomFor(certified);
    const prepared = await prepareSignature(file, field, proofs, name, nowMs, look, isNew, room);
    const certificate = readCertificate(certified.certificate);
    const attributes = await signedAttributes(certificate, prepared.digest, DATA);
    const signature = await signData(key, attributes);
    const token = await stamp(await sha256(signature));
    const cms = detached(certificate, chain, attributes, signature, token);
    return { data: filled(prepared, cms), cms, digest: prepared.digest };
}

/**
 * Signs any file in its container: CAdES-B-LT over a manifest that names the file alone.
 * @param {Pick<Signing, "key" | "certified" | "stamp"> & {
 *     file: import("../asic/growing.js").DataFile, number: number}} signing its number from 1
 * @returns {Promise<Added>} what is added to the container
 */
export async function signStep({ file, number, key, certified, stamp }) {
    const prepared = await prepareStep(file, number);
    const { chain, lists } = certified;
    const certificate = readCertificate(certified.certificate);
    const attributes = await signedAttributes(certificate, prepared.digest, DATA);
    const signature = await signData(key, attributes);
    const token = await stamp(await sha256(signature));
    const signed = detached(certificate, chain, attributes, signature, token);
    const cms = withProofs(signed, proving(certified), lists);
    return { data: prepared.filled(cms), cms, digest: prepared.digest };
}

/** @param {Certified} certified @returns {Bytes[]} certificates that prove it */
function proving({ root, chain, tsa, stampers = [], others = [] }) {
    return [root, ...chain, ...(tsa ? [tsa] : []), ...stampers, ...others];
}

/** @param {Certified} certified @returns {number} bytes that its signature may need */
function roomFor({ certificate, chain, stampers = [] }) {
    const size = sizeOf([certificate, ...chain]);
    return Math.max(SIGNATURE_BYTES_MAX, size + BARE_BYTES + roomForStamp(stampers));
}

/** @param {Bytes[]} stampers certificates of who stamps @returns {number} bytes of their stamp */
function roomForStamp(stampers) {
    return Math.max(STAMP_BYTES_MAX, sizeOf(stampers) + BARE_STAMP_BYTES);
}

/** @param {Bytes[]} parts */
function sizeOf(parts) {
    return parts.reduce((sum, one) => sum + one.length, 0);
}

/** @param {Signing} signing @returns {Promise<Bytes>} the revision alone */
export async function sign(signing) {
    return (await signFile(signing)).data;
}

/**
 * @param {PdfFile} file
 * @param {string} field for the stamp
 * @param {Proofs} proofs that the file has not yet
 * @param {Stamper} stamp
 * @param {import("./digests.js").Hash} [by] the hash of the stamp
 * @returns {Promise<Added>} the revision that closes the file: PAdES-B-LTA
 */
export async function closeFile(file, field, proofs, stamp, by = SHA256) {
    const room = roomForStamp(proofs.certificates);
    const prepared = await prepareClosing(file, field, proofs, by, room);
    const cms = await stamp(prepared.digest, by);
    return { data: filled(prepared, cms), cms, digest: prepared.digest };
}

/**
 * The same of a container.
 * @param {import("../asic/growing.js").DataFile} file
 * @param {Bytes[]} additions that have signed it
 * @param {Proofs} proofs
 * @param {Stamper} stamp
 * @param {import("./digests.js").Hash} [by] the hash of the stamp
 * @returns {Promise<Added>} what is added to it
 */
export async function closeStep(file, additions, proofs, stamp, by = SHA256) {
    const prepared = await prepareStamp(file, additions, proofs, by);
    const cms = await stamp(prepared.digest, by);
    return { data: prepared.filled(cms), cms, digest: prepared.digest };
}

/**
 * @param {PdfFile} file
 * @param {string} field
 * @param {Proofs} proofs
 * @param {Stamper} stamp
 * @returns {Promise<Bytes>} the revision alone
 */
export async function close(file, field, proofs, stamp) {
    return (await closeFile(file, field, proofs, stamp)).data;
}
