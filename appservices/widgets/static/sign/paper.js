/**
 * The document of a session as this page has it: fetched, decrypted, and not believed. What is not
 * the very file that everyone has agreed on is refused.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Revision} Revision
 * @typedef {import("../signatures/judging.js").Report} Report
 * @typedef {import("../asic/growing.js").DataFile} DataFile
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Paper
 * @property {CryptoKey} secret of the session
 * @property {Bytes} base the document before anybody signed it
 * @property {string} first digest that stands for it, by which the first revision names it
 * @property {Bytes} whole with all that was signed so far; of what is no PDF, its container once
 *     somebody has signed it
 * @property {DataFile | undefined} file what is no PDF, as its container has it
 * @property {Bytes[]} additions what was added to that container
 * @property {number} revision number of the newest one; 0: nobody has signed
 * @property {Report | undefined} [before] on what others had signed before it was sent
 */
import { base64, fromBase64 } from "../kit/approval.js";
import { ArchiveError } from "../asic/archive.js";
import { checkFileName, grown as inContainer, isStep } from "../asic/growing.js";
import { judgeContainer } from "../asic/verdict.js";
import { canonicalBytes } from "../kit/canonical.js";
import { PdfDocument, revisionsOf } from "../pdf/document.js";
import { OF_CLAUSE, activeNames } from "../pdf/grammar.js";
import { formFields, isSigned } from "../pdf/signing.js";
import { pageCount } from "../pdf/tree.js";
import { PdfError, asText } from "../pdf/values.js";
import { readCertificate } from "../signatures/certificate.js";
import { stampRoot } from "../signatures/trust.js";
import { judge } from "../signatures/verdict.js";
import { hex, joined, sha256, utf8 } from "../verify/bytes.js";
import { digestOfFile, privateFileIn } from "./container.js";
import { DOCUMENT, decrypt, encrypt, importKey, incrementOf } from "./cipher.js";
import { PaperError } from "./paper_error.js";

export { PaperError } from "./paper_error.js";

/** Reasons of a file in which some have signed and nobody has closed it yet. */
const OPEN = new Set(["tail_not_time_stamped"]);

/** @param {Bytes[]} parts @returns {Promise<string>} SHA-256 in unpadded base64 */
export async function digest(...parts) {
    return base64(await sha256(...parts));
}

/**
 * @param {View} view
 * @param {Bytes} cipher the document's, as the service keeps it
 * @param {Bytes} key
 * @param {string} [promised] digest of the document, where the link says it: then the service can't
 *     have put another document in its place
 * @returns {Promise<Paper>}
 * @throws {PaperError}
 */
export async function openPaper(view, cipher, key, promised = view.document.sha256) {
    if (promised !== view.document.sha256) throw new PaperError("document");
    if (hex(await sha256(cipher)) !== view.document.blob) throw new PaperError("blob");
    const secret = await importKey(key);
    const base = await decrypt(secret, cipher, DOCUMENT);
    if (!base) throw new PaperError("key");
    const isPdf = view.document.kind == null;
    const file = isPdf ? undefined : await fileOf(base, view);
    const first = file?.beside ? await digestOfFile(file) : await digest(base);
    if (first !== view.document.sha256) throw new PaperError("document");
    if (!file) checkForm(base, view);
    await checkFacts(view);
    const before = view.document.is_signed ? await judgedBefore(base, view) : undefined;
    const paper = { secret, base, first, whole: base, file, additions: [], revision: 0, before };
    return grown(paper, view);
}

/**
 * The paper with what others have signed meanwhile.
 * @param {Paper} paper
 * @param {View} view
 * @returns {Promise<Paper>}
 * @throws {PaperError} a signature in it does not hold
 */
export async function grown(paper, view) {
    let longer = paper;
    const news = view.revisions.filter((one) => one.number > paper.revision);
    for (const one of news.toSorted((a, b) => a.number - b.number))
        longer = await withIncrement(longer, one);
    if (news.length > 0) await checkSigned(longer, view);
    return longer;
}

/**
 * @param {Paper} paper
 * @param {Bytes} increment
 * @returns {Paper} with one revision more
 * @throws {ArchiveError} what is added to a container is of another form
 */
export function extended(paper, increment) {
    const revision = paper.revision + 1;
    const { file } = paper;
    if (!file) return { ...paper, revision, whole: joined(paper.whole, increment) };
    const additions = [...paper.additions, increment];
    return { ...paper, revision, additions, whole: inContainer(file, additions) };
}

/** @param {Paper} paper @returns {Promise<string>} what the next revision has to name */
function headOf({ revision, first, whole }) {
    return revision === 0 ? Promise.resolve(first) : digest(whole);
}

/** @param {Paper} paper @param {Revision} one @returns {Promise<Paper>} */
async function withIncrement(paper, one) {
    const { secret, revision, file, additions } = paper;
    const isNext = one.number === revision + 1 && (await headOf(paper)) === one.previous_sha256;
    const increment = await decrypt(secret, fromBase64(one.increment), incrementOf(one.number));
    if (!isNext || !increment) throw new PaperError("increment");
    const longer = await legible(async () => {
        // Else whoever signs could put something of theirs in the place of others' signatures.
        if (file && !(await isStep(file, additions, increment, Boolean(one.party))))
            throw new PaperError("increment");
        return extended(paper, increment);
    });
    if ((await digest(longer.whole)) !== one.sha256) throw new PaperError("increment");
    return longer;
}

/**
 * @template T
 * @param {() => Promise<T>} work on a container
 * @returns {Promise<T>}
 * @throws {PaperError} somebody made something else of it
 */
async function legible(work) {
    try {
        return await work();
    } catch (error) {
        if (error instanceof ArchiveError) throw new PaperError("increment");
        throw error;
    }
}

/** @param {Bytes} base @param {View} view @returns {Promise<DataFile>} what is no PDF */
async function fileOf(base, { mode, document, clauses }) {
    const { name, kind, pages, size, is_signed } = document;
    const isPlain = pages === 0 && base.length === size && !is_signed && clauses.length === 0;
    // Of a document that the service cannot read, it cannot know what it is.
    const hidden = isPlain && mode === "blind" ? await privateFileIn(base) : undefined;
    if (hidden) return hidden;
    if (!isPlain || !name || !kind || mode === "blind") throw new PaperError("form");
    try {
        checkFileName(name);
    } catch {
        throw new PaperError("form");
    }
    return { name, kind, data: base };
}

/** @param {Bytes} base @param {View} view */
function checkForm(base, view) {
    const { pages, size } = view.document;
    try {
        const document = new PdfDocument(asText(base));
        const objects = revisionsOf(document).flatMap((one) => Array.from(one.objects.values()));
        const { is_signed = false } = view.document;
        const isPlain = activeNames(objects).length === 0 && isSigned(document) === is_signed;
        if (!isPlain || pageCount(document) !== pages || base.length !== size)
            throw new PaperError("form");
        if (!hasBoxes(new Set(formFields(document).map(({ name }) => name)), view))
            throw new PaperError("box");
    } catch (error) {
        if (error instanceof PdfError) throw new PaperError("form");
        throw error;
    }
}

/**
 * Whether the party's box is there, and exactly the clauses that have a box of theirs are signed by
 * themselves: never in a box of somebody else's.
 * @param {Set<string>} laid
 * @param {View} view
 */
function hasBoxes(laid, { you: { field }, clauses, document }) {
    if (!field) return clauses.every((one) => !one.field);
    if (document.is_signed)
        // Their fields are made with the signatures.
        return [field, ...clauses.map((one) => one.field)].every((one) => !one || !laid.has(one));
    const wanted = [...laid].filter((name) => name.startsWith(`${field}${OF_CLAUSE}`));
    const told = clauses.flatMap((one) => one.field ?? []);
    const isOwn = clauses.every(
        (one) => !one.field || one.field === `${field}${OF_CLAUSE}${one.id}`,
    );
    const isAll =
        told.every((name) => laid.has(name)) && wanted.every((name) => told.includes(name));
    return laid.has(field) && isOwn && isAll;
}

/** @param {View} view @throws {PaperError} it does not say what its digests say */
async function checkFacts(view) {
    if ((await codeOf(view.document.sha256, view.session)) !== view.code)
        throw new PaperError("code");
    if ((await partiesDigest(view)) !== view.parties_sha256) throw new PaperError("parties");
}

/** @param {Paper} paper @param {View} view */
async function checkSigned({ whole, file, before }, view) {
    const { findings } = await judged(whole, view, file !== undefined);
    const ours = newFindings(findings, before);
    if (ours.some(({ reason }) => !OPEN.has(reason))) throw new PaperError("signature");
}

/** @param {Bytes} whole @param {View} view @param {boolean} isContainer @returns {Promise<Report>} */
async function judged(whole, view, isContainer = false) {
    return (isContainer ? judgeContainer : judge)(whole, rootsOf(view), view.now_ms);
}

/**
 * @param {View} view
 * @returns {import("../signatures/certificate.js").Certificate[]} by which its file is judged: the
 *   service's authority, those elsewhere whose certificates it takes, and who stamps for it
 * @throws {PaperError} it names none
 */
export function rootsOf({ proofs, authorities = [], stampers = [] }) {
    const [root] = proofs.certificates;
    if (!root) throw new PaperError("signature");
    const ours = [root, ...authorities.map(({ certificate }) => certificate)];
    const own = ours.map((one) => readCertificate(fromBase64(one)));
    return [...own, ...stampers.map((one) => stampRoot(fromBase64(one)))];
}

/**
 * @param {Bytes} base that others had signed before it was sent
 * @param {View} view
 * @returns {Promise<Report>} on it
 * @throws {PaperError} it does not hold
 */
async function judgedBefore(base, view) {
    const report = await judged(base, view);
    if (report.verdict === "invalid") throw new PaperError("signature");
    return report;
}

/**
 * @param {import("../signatures/judging.js").Finding[]} findings
 * @param {Report} [before] on the file before it was sent
 * @returns {import("../signatures/judging.js").Finding[]} those that are not of what was there before
 */
export function newFindings(findings, before) {
    const known = new Set(before?.findings.map(({ reason, field }) => `${reason} ${field}`));
    return findings.filter(({ reason, field }) => !known.has(`${reason} ${field}`));
}

/**
 * @param {string} documentSha256
 * @param {string} session
 * @returns {Promise<string>} four digits that two people can compare
 */
export async function codeOf(documentSha256, session) {
    const found = await sha256(fromBase64(documentSha256), utf8(session));
    const last = new DataView(found.buffer).getUint16(found.length - 2);
    return String(last % 10_000).padStart(4, "0");
}

/** @param {View} view @returns {Promise<string>} of who signs in which order, without delegates */
export async function partiesDigest({ parties, stages }) {
    const own = parties.filter(({ acts_for }) => !acts_for);
    const ids = new Set(own.map(({ party }) => party));
    const told = {
        parties: own.map(({ party, role, name, user }) => ({ party, role, name, user })),
        stages: stages.map((one) => ({
            need: one.need ?? null,
            parties: one.parties.filter((party) => ids.has(party)),
        })),
    };
    return digest(canonicalBytes(told));
}

/**
 * What is told of a revision that this page has made.
 * @param {Paper} paper before it
 * @param {Bytes} whole with it
 * @param {Bytes} increment
 */
export async function revisionOf(paper, whole, increment) {
    const number = paper.revision + 1;
    return {
        number,
        previous_sha256: await headOf(paper),
        sha256: await digest(whole),
        size: increment.length,
        increment: base64(await encrypt(paper.secret, increment, incrementOf(number))),
    };
}
